"""A server that stops while pages are open, and comes back."""

import pytest

from place import Place
from window import Window


@pytest.fixture(scope="module")
def place():
    with Place() as place:
        place.tenant("acme")
        place.job = place.ended_job("acme", place.submit("acme", "forecast.wasm", "forecast", "1"))
        yield place


@pytest.mark.parametrize("route", ["#/", "#/jobs", "#/jobs/{job}/logs"])
def test_it_is_said_and_the_page_goes_on(browser, place, route):
    with Window(browser, place) as window:
        window.expect("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "ERR_NETWORK", "503")
        window.sign_in(place.tokens["acme"])
        window.open(route.format(job=place.job))
        shown = window.text()
        place.stop()
        window.says("answer|connection", "[role=status], [role=alert]")
        assert window.page.get_attribute("main", "data-page") != "signin"
        assert len(window.text()) > len(shown) / 2, "what was shown is gone"
        place.start()
        window.page.wait_for_function(
            """() => ![...document.querySelectorAll("[role=status], [role=alert]")]
                .some(e => e.checkVisibility() && /answer|connection/i.test(e.innerText))"""
        )
        job = place.submit("acme", "forecast.wasm", "ticks", "1")
        window.page.evaluate("location.hash = '#/jobs'")
        window.page.locator(f'a[href^="#/jobs/{job}"]').first.wait_for()
