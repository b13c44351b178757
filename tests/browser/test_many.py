"""A job of 200,000 calls, half of which still wait: looking at all of it takes little."""

import pytest

from place import Place
from window import Window

CALLS = 100_000
# Of the page's scripts, and of the server.
MOST = 100 << 20


@pytest.fixture(scope="module")
def place():
    with Place() as place:
        place.tenant("acme")
        place.job = place.submit("acme", "many.wasm", "many", str(CALLS))
        place.printed("acme", place.job, f"{CALLS} calls wait")
        yield place


def test_many_calls_are_looked_at_for_little(browser, place):
    with Window(browser, place) as window:
        window.sign_in(place.tokens["acme"])
        window.open("#/", "overview")
        heap, resident = window.heap(), place.resident()
        place.forget_peak()
        routes = ["timeline", "graph", "summary", "logs", "tasks", "errors"]
        for turn in range(2):
            for tab in routes:
                window.open(f"#/jobs/{place.job}/{tab}", "job", tab)
                window.fits()
                assert window.heap() - heap < MOST, tab
                window.shot(f"many-{tab}-1280-light")
            for page in ("tasks", "objects", "actors", "jobs"):
                window.open(f"#/{page}", page)
                assert window.heap() - heap < MOST, page
                window.shot(f"many-{page}-1280-light")
        grown = place.resident("VmHWM") - resident
        print(f"heap +{(window.heap() - heap) >> 20} MiB, server +{grown >> 20} MiB at its peak")
        assert grown < MOST, f"the server grew by {grown >> 20} MiB"
