"""A browser's window on a dashboard, and what went wrong in it."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

OUT = Path(os.environ["BROWSER_OUT"])
WIDE, NARROW = (1280, 800), (390, 844)
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}

# In milliseconds; longer than anything here takes.
PATIENCE = 20_000


def launch(playwright):
    """Debian's Chromium. What asks for another host would find none."""
    return playwright.chromium.launch(
        executable_path=os.environ["CHROMIUM"],
        # As root it has no sandbox of its own, and does not start when it is to have one.
        chromium_sandbox=os.getuid() != 0,
        args=["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    )


class Window:
    """A window with nothing in its storage. `faults` is what no page may do: errors, failed requests, other hosts."""

    def __init__(self, browser, place, size=WIDE, theme="light"):
        self.address = place.address
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.faults = []
        self.expected = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.fault(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.fault(f"error: {error}"))
        self.page.on("request", self.asked)
        self.page.on("requestfailed", self.failed)
        self.page.on("response", lambda answer: answer.status >= 400 and self.fault(f"{answer.status} {answer.url}"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.context.close()
        # A test that fails has its reason already.
        if kind is None:
            self.is_clean()

    def fault(self, what):
        if not any(re.search(pattern, what) for pattern in self.expected):
            self.faults.append(what)

    def asked(self, request):
        if not request.url.startswith((self.address + "/", "data:", "blob:")):
            self.fault(f"another host: {request.url}")

    def failed(self, request):
        # What a page leaves unread when it is left.
        if request.failure != "net::ERR_ABORTED":
            self.fault(f"failed: {request.url} {request.failure}")

    def expect(self, *patterns):
        """Faults like these are meant to be."""
        self.expected += patterns

    def is_clean(self):
        faults = [fault for fault in self.faults if not any(re.search(pattern, fault) for pattern in self.expected)]
        assert not faults, "\n".join(faults)

    def sign_in(self, token):
        """By an address with the token in it, which does not stay there."""
        self.page.goto(f"{self.address}/#token={token}")
        self.page.wait_for_selector("main[data-ready=true]:not([data-page=signin])")
        assert token not in self.page.url
        return self

    def open(self, route, page=None, tab=None):
        """By its address, until its data is shown."""
        self.page.goto(f"{self.address}/{route}")
        self.ready(page, tab)

    def ready(self, page=None, tab=None):
        name = (f"[data-page={page}]" if page else "") + (f"[data-tab={tab}]" if tab else "")
        self.page.wait_for_selector(f"main{name}[data-ready=true]")

    def text(self):
        return self.page.inner_text("main")

    def says(self, pattern, where="main"):
        """Waits until that is to be read there."""
        self.page.locator(where).filter(has_text=re.compile(pattern, re.I)).first.wait_for()

    def fits(self):
        """Nothing is wider than the window."""
        wide = """() => {
            if (document.scrollingElement.scrollWidth <= innerWidth) return [];
            const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1);
            return [document.scrollingElement.scrollWidth, ...out.slice(0, 5).map(e => e.outerHTML.slice(0, 150))];
        }"""
        too_wide = self.page.evaluate(wide)
        assert not too_wide, f"wider than the window: {too_wide}"

    def is_accessible(self):
        violations = Axe().run(self.page, options=AXE).response["violations"]
        told = [
            f"{violation['id']}: {violation['help']}\n"
            + "\n".join(f"    {node['html'][:200]}\n      {node['failureSummary']}" for node in violation["nodes"][:3])
            for violation in violations
        ]
        assert not told, "\n".join(told)

    def dark(self, dark=True):
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def shot(self, name):
        path = OUT / "shots" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)

    def heap(self):
        """Bytes that it holds on to: its scripts' objects, its elements, and its buffers."""
        session = self.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")
        session.detach()
        return used["usedSize"] + used["embedderHeapUsedSize"] + used["backingStorageSize"]
