"""All of it without a mouse."""

from window import Window

FOCUSED = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const name = e.getAttribute("aria-label") || e.labels?.[0]?.innerText || e.innerText || "";
    const style = getComputedStyle(e);
    // A shape in a picture has a line of its own.
    const line = e.closest("svg") ? getComputedStyle(e.querySelector("rect") ?? e).strokeWidth
        : style.outlineStyle === "none" ? "0" : style.outlineWidth;
    const seen = e.matches(":focus-visible") && parseFloat(line) >= 2;
    const box = e.getBoundingClientRect();
    return {tag: e.tagName, href: e.getAttribute("href"), name: name.trim(), seen,
            timeline: e.matches("[data-testid=timeline]"), shown: box.width > 0 && box.height > 0};
}"""


def tab_to(window, what, is_it, key="Tab"):
    """Goes from one to the next until it is there; each on the way shows that it has the focus."""
    passed = []
    for _ in range(150):
        window.page.keyboard.press(key)
        focused = window.page.evaluate(FOCUSED)
        if focused is None:
            continue
        assert focused["seen"] and focused["shown"], f"has the focus and does not show it: {focused}"
        if is_it(focused):
            return focused
        passed.append(focused["name"] or focused["tag"])
    raise AssertionError(f"{what} is not reached; passed {passed}")


def follow(window, href, key="Tab"):
    tab_to(window, href, lambda focused: focused["href"] == href, key)
    window.page.keyboard.press("Enter")


def test_everything_is_reached_by_keys(browser, scene):
    with Window(browser, scene) as window:
        window.expect("401")
        window.open("", "signin")
        if (window.page.evaluate(FOCUSED) or {}).get("tag") != "INPUT":
            tab_to(window, "the field for the token", lambda focused: focused["tag"] == "INPUT")
        window.page.keyboard.insert_text(scene.tokens["acme"])
        window.page.keyboard.press("Enter")
        window.ready("overview")
        for page in ("actors", "objects", "tenants", "tasks", "jobs"):
            # The heading of the page before has the focus, and lists are long.
            follow(window, f"#/{page}", "Shift+Tab")
            window.ready(page)
        follow(window, f"#/jobs/{scene.working}")
        window.ready("job")
        for tab in ("graph", "summary", "logs", "tasks", "errors", "timeline"):
            follow(window, f"#/jobs/{scene.working}/{tab}")
            window.ready("job", tab)
        tab_to(window, "the timeline", lambda focused: focused["timeline"])
        shown = lambda: window.page.eval_on_selector("[data-testid=timeline]", "e => [+e.dataset.from, +e.dataset.to]")
        width = lambda: shown()[1] - shown()[0]
        whole = width()
        press = window.page.keyboard.press
        press("+")
        press("+")
        window.page.wait_for_function(
            "whole => { const e = document.querySelector('[data-testid=timeline]'); return e.dataset.to - e.dataset.from < whole * 0.7 }",
            arg=whole,
        )
        before = shown()[0]
        press("ArrowRight")
        window.page.wait_for_function(
            "from => document.querySelector('[data-testid=timeline]').dataset.from > from", arg=before
        )
        press("0")
        window.page.wait_for_function(
            "whole => { const e = document.querySelector('[data-testid=timeline]'); return e.dataset.to - e.dataset.from >= whole }",
            arg=whole,
        )


def test_the_way_back_goes_back(window, scene):
    window.sign_in(scene.tokens["acme"])
    window.open("#/jobs", "jobs")
    window.open(f"#/jobs/{scene.failed}/errors", "job", "errors")
    window.page.go_back()
    window.ready("jobs")
    window.page.go_forward()
    window.ready("job", "errors")
