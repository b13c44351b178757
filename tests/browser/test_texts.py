"""What guests write is text and nothing else, wherever it is shown."""

import pytest

from window import Window

# In each place where the texts are shown: the route, page and tab, and words that must be readable there as they are.
PLACES = [
    ("#/jobs", "jobs", None, ['<img src=x onerror="window.broken=1">.wasm']),
    ("#/jobs/{markup}/logs", "job", "logs", ["<script>window.broken=1</script>", '<img src=x onerror="window.broken=1">']),
    ("#/jobs/{markup}/tasks", "job", "tasks", ["<script>window.broken=1</script>", "&lt;b&gt;not bold"]),
    ("#/jobs/{markup}/errors", "job", "errors", ["<script>window.broken=1</script>"]),
    ("#/jobs/{markup}/summary", "job", "summary", ["<script>window.broken=1</script>", "__proto__", "constructor"]),
    ("#/jobs/{markup}/timeline", "job", "timeline", []),
    ("#/jobs/{markup}/graph", "job", "graph", []),
    ("#/jobs/{broken}/errors", "job", "errors", ["<script>window.broken=1</script>"]),
    ("#/actors", "actors", None, ["<script>window.broken=1</script>"]),
    ("#/tasks", "tasks", None, []),
    ("#/objects", "objects", None, []),
    ("#/tasks/{failed_task}", "task", None, ["window.broken=1"]),
    ("#/", "overview", None, []),
]

# What a guest's text may not bring into a page: an element, a handler, an address that runs.
INTRUDERS = """() => [...document.querySelectorAll("main *")].filter(e =>
    /^(script|img|style|iframe|object|embed|link|b)$/i.test(e.tagName)
    || [...e.attributes].some(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value))
).map(e => e.outerHTML.slice(0, 200))"""

# Texts with something that turns or moves what stands beside them: a control character, or a bidi control that is not shut in.
LOOSE = """() => {
    const found = [];
    const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode());) {
        if (/[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]/.test(node.data)) found.push(node.data);
        if (/[\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u061c]/.test(node.data)) {
            const bidi = getComputedStyle(node.parentElement).unicodeBidi;
            if (!/isolate|plaintext/.test(bidi)) found.push(`not isolated: ${node.data}`);
        }
    }
    return found.map(text => JSON.stringify(text.slice(0, 100)));
}"""


@pytest.mark.parametrize("place", PLACES, ids=[route for route, *_ in PLACES])
def test_a_guest_s_text_stays_text(window, scene, place):
    route, page, tab, words = place
    window.sign_in(scene.tokens["acme"])
    window.open(route.format(**vars(scene)), page, tab)
    for word in words:
        window.page.locator("main").get_by_text(word, exact=False).locator("visible=true").first.wait_for()
    assert window.page.evaluate("window.broken") is None
    assert not window.page.evaluate(INTRUDERS)
    assert not window.page.evaluate(LOOSE)
    assert "title" != window.page.title()


def test_a_script_in_a_page_would_not_run(window, scene):
    """Even if a text became markup, the server's rules for the page's content keep it still."""
    window.expect("Content Security Policy|content-security-policy", "failed|404")
    window.sign_in(scene.tokens["acme"])
    window.page.evaluate("document.querySelector('main').innerHTML = '<img src=x onerror=\"window.broken=1\">'")
    window.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.broken = 2";
        document.body.append(script);
    }""")
    window.page.wait_for_timeout(300)
    assert window.page.evaluate("window.broken") is None
