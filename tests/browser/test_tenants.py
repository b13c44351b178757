"""A token shows what is its tenant's, for as long as it is valid."""

from place import eventually
from scene import MARK
from window import Window

TABS = ["", "/timeline", "/graph", "/summary", "/logs", "/tasks", "/errors"]
LISTS = ["#/", "#/jobs", "#/tasks", "#/actors", "#/objects", "#/tenants"]


def test_another_tenant_s_things_are_not_there(browser, scene):
    things = [f"#/jobs/{scene.marked}{tab}" for tab in TABS] + [f"#/tasks/{scene.marked_task}"]

    def seen(token, routes, shown):
        """Everything that the pages show, or that the server told them."""
        with Window(browser, scene) as window:
            window.expect("404")
            told = []
            window.page.on("response", lambda answer: told.append(answer))
            window.sign_in(token)
            for route in routes:
                window.open(route)
                window.says(shown)
                told.append(window.page.content())
            # Streams have no end to be read to.
            texts = [
                one if isinstance(one, str) else one.text()
                for one in told
                if isinstance(one, str) or "json" in one.headers.get("content-type", "")
            ]
            return "\n".join(texts)

    # Who it belongs to sees it, so that the rest means something.
    own = seen(scene.tokens["globex"], things + LISTS, "")
    for text in (f"{MARK}-task", f"{MARK}-actor", f"{MARK}-failed", f"{MARK}.wasm", f"{MARK} is a line", scene.marked):
        assert text in own, text
    other = seen(scene.tokens["acme"], things, "not found|no such")
    other += seen(scene.tokens["acme"], LISTS, "")
    assert MARK not in other
    assert "globex" not in other


def test_a_wrong_token_is_refused_in_words(window, scene):
    window.expect("401")
    window.open("", "signin")
    for token in ["wrun_00000000_" + "0" * 43, "no token", scene.tokens["acme"] + "0", "é\u202e<b>"]:
        window.page.get_by_label("Token").fill(token)
        window.page.keyboard.press("Enter")
        window.says("token", "[role=alert]")
        assert window.page.get_attribute("main", "data-page") == "signin"
    window.page.get_by_label("Token").fill(f"  {scene.tokens['acme']}\n")
    window.page.keyboard.press("Enter")
    window.ready("overview")


def test_a_token_that_is_revoked_shows_nothing_more(window, scene):
    window.expect("401")
    token = scene.wrun("tenant", "token", "issue", "acme", "--role", "read")
    window.sign_in(token).open(f"#/jobs/{scene.working}/logs", "job", "logs")
    scene.wrun("tenant", "token", "revoke", "acme", token.split("_")[1])
    window.ready("signin")
    window.says("token", "[role=alert]")
    assert "round" not in window.text()
    window.page.go_back()
    window.page.reload()
    window.ready("signin")


def test_signing_out_leaves_nothing(window, scene):
    window.expect("401")
    window.sign_in(scene.tokens["acme"]).open("#/jobs", "jobs")
    window.page.get_by_role("button", name="Sign out").click()
    window.ready("signin")
    kept = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert scene.tokens["acme"] not in window.page.evaluate(kept)
    window.page.reload()
    window.ready("signin")


def test_a_token_s_address_is_not_in_the_history(window, scene):
    window.sign_in(scene.tokens["acme"])
    entries = window.context.new_cdp_session(window.page).send("Page.getNavigationHistory")["entries"]
    assert all(scene.tokens["acme"] not in entry["url"] for entry in entries), entries
    eventually("the title is there", window.page.title)
