"""A real server and a real browser. Skipped, with the reason, where Chromium or Playwright is missing."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from driving import App, Window
from tools import needs

CHROMIUM = shutil.which("chromium") or "chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives Chromium."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once a module: Playwright keeps an event loop running, which other tests cannot bear."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    needs("chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def window(browser: Any, app: App, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A fresh desktop window (or what the test's `look` parameter says); fails the test for any error on the page."""
    look = getattr(request, "param", {})
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **look})
    opened = Window(context, app)
    yield opened
    context.close()
    assert opened.errors() == []
