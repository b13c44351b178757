"""Writes the pictures of the documentation into the directory that is its argument."""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from scene import Gallery
from window import NARROW, WIDE, Window, launch

# Of each: the route, page and tab, the size, and the theme; with the tenant's token or the host's.
SHOTS = {
    "overview": ("#/", "overview", None, WIDE, "light", True),
    "overview-dark": ("#/", "overview", None, WIDE, "dark", True),
    "jobs-390": ("#/jobs", "jobs", None, (NARROW[0], 500), "light", False),
    "timeline": ("#/jobs/{working}/timeline", "job", "timeline", WIDE, "light", False),
    "graph": ("#/jobs/{working}/graph", "job", "graph", WIDE, "light", False),
    "summary": ("#/jobs/{working}/summary", "job", "summary", WIDE, "light", False),
    "logs": ("#/jobs/{working}/logs", "job", "logs", WIDE, "light", False),
    "errors": ("#/jobs/{failed}/errors", "job", "errors", WIDE, "light", False),
    "tasks": ("#/tasks", "tasks", None, WIDE, "light", False),
    "task": ("#/tasks/{queued_task}", "task", None, WIDE, "light", False),
    "actors": ("#/actors", "actors", None, WIDE, "light", False),
    "objects": ("#/objects", "objects", None, WIDE, "light", False),
    "tenants": ("#/tenants", "tenants", None, WIDE, "light", True),
}


def zoom(page):
    """So near that calls have names, and one is chosen."""
    picture = page.locator("[data-testid=timeline]")
    picture.focus()
    # The view as the picture has it, in nanoseconds.
    while picture.evaluate("e => e.dataset.to - e.dataset.from") > 2e9:
        page.keyboard.press("+")
        page.wait_for_timeout(100)
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 2, "y": 30})
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")


def main(out):
    with sync_playwright() as playwright, Gallery() as scene:
        browser = launch(playwright)
        for name, (route, page, tab, size, theme, is_admin) in SHOTS.items():
            with Window(browser, scene, size, theme) as window:
                window.sign_in(scene.admin if is_admin else scene.tokens["acme"])
                window.open(route.format(**vars(scene)), page, tab)
                if tab == "timeline":
                    zoom(window.page)
                # What is drawn over time has something to show then.
                window.page.wait_for_timeout(100_000 if name == "overview" else 1_000)
                window.page.screenshot(path=out / f"{name}.png")
        browser.close()


main(Path(sys.argv[1]))
