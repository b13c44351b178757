"""What the tests share: one browser, and one server with jobs that only a few tests leave otherwise than they found them."""

import pytest
from playwright.sync_api import sync_playwright

from scene import Scene
from window import Window, launch


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def scene():
    with Scene() as scene:
        yield scene


@pytest.fixture
def window(browser, scene):
    """A window on the scene; whatever went wrong in it fails the test."""
    with Window(browser, scene) as window:
        yield window
