"""Each page and tab, with jobs that run: it fits, is accessible in both themes, and nothing goes wrong in it."""

import pytest

from window import NARROW, WIDE, Window

TABS = ["timeline", "graph", "summary", "logs", "tasks", "errors"]

# What is opened, with whose token: its name, the route, and what it must say.
PAGES = {
    "overview": ("acme", "#/", "overview", None, "acme"),
    "jobs": ("acme", "#/jobs", "jobs", None, "forecast"),
    "actors": ("acme", "#/actors", "actors", None, "Progress"),
    "objects": ("acme", "#/objects", "objects", None, "memory"),
    "tasks": ("acme", "#/tasks", "tasks", None, "fit|load|clean|add|model|rest"),
    "tenants": ("acme", "#/tenants", "tenants", None, "acme"),
    "task": ("acme", "#/tasks/{failed_task}", "task", None, "failed"),
    "job": ("acme", "#/jobs/{working}", "job", "timeline", "running"),
    **{f"job-{tab}": ("acme", f"#/jobs/{{working}}/{tab}", "job", tab, "running") for tab in TABS[1:]},
    "finished-summary": ("acme", "#/jobs/{finished}/summary", "job", "summary", "finished"),
    "failed-errors": ("acme", "#/jobs/{failed}/errors", "job", "errors", "parse_row"),
    "much-logs": ("acme", "#/jobs/{printed_much}/logs", "job", "logs", "reading"),
    "markup-tasks": ("acme", "#/jobs/{markup}/tasks", "job", "tasks", "window.broken"),
    "markup-errors": ("acme", "#/jobs/{broken}/errors", "job", "errors", "not bold"),
    "admin-overview": (None, "#/", "overview", None, "globex"),
    "admin-tenants": (None, "#/tenants", "tenants", None, "initech"),
    "nothing-overview": ("initech", "#/", "overview", None, "initech"),
    **{f"nothing-{page}": ("initech", f"#/{page}", page, None, "no ") for page in ["jobs", "tasks", "actors", "objects"]},
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_is_accessible_and_makes_no_errors(browser, scene, name):
    tenant, route, page, tab, words = PAGES[name]
    token = scene.tokens[tenant] if tenant else scene.admin
    for size in (WIDE, NARROW):
        with Window(browser, scene, size) as window:
            window.sign_in(token).open(route.format(**vars(scene)), page, tab)
            window.says(words)
            for theme in ("light", "dark"):
                window.dark(theme == "dark")
                window.fits()
                # What differs by width is the same in both themes, so each is looked at whole once.
                if (size, theme) != (NARROW, "dark"):
                    window.is_accessible()
                window.shot(f"{name}-{size[0]}-{theme}")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_who_has_no_token_is_asked_for_one(browser, scene, size):
    with Window(browser, scene, size) as window:
        window.expect("401")
        window.open("#/jobs", "signin")
        for theme in ("light", "dark"):
            window.dark(theme == "dark")
            window.fits()
            window.is_accessible()
            window.shot(f"signin-{size[0]}-{theme}")


def test_who_may_only_read_sees_all_pages(browser, scene):
    token = scene.wrun("tenant", "token", "issue", "acme", "--role", "read")
    with Window(browser, scene) as window:
        window.sign_in(token)
        for name, (tenant, route, page, tab, words) in PAGES.items():
            if tenant == "acme":
                window.open(route.format(**vars(scene)), page, tab)
                window.says(words)


def test_what_is_not_there_is_said(window, scene):
    window.expect("404")
    window.sign_in(scene.tokens["acme"])
    for route in ["#/jobs/" + "0" * 16, "#/tasks/" + "0" * 32, "#/jobs/nonsense", "#/nowhere", "#/jobs/x/y/z", "#/%ff"]:
        window.open(route)
        window.says("not found|no such|nothing here")
        window.fits()
