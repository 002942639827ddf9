"""A real server and a real browser. Skipped, with the reason, where Chromium or Playwright is missing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
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
NOISE = ("AbortError", "Connection errored out", "net::ERR_ABORTED")
"""What a page that is left or reloaded logs."""
WAIT_MS = 30_000
"""For a busy machine; nothing waits longer than it must."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives Chromium."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


class App:
    """`halo-forge app` as a process, in a working folder of its own; may be restarted on the same port and store."""

    def __init__(self, folder: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.environment = folder, environment
        self.runs = folder / "runs"
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.raft = ""

    def start(self) -> "App":
        environment = {**os.environ, "HALOFORGE_RUNS": str(self.runs), "HF_HUB_OFFLINE": "1", **self.environment}
        settings = json.dumps({"port": self.port})
        with (self.folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "haloforge.ui", settings],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return self
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise RuntimeError((self.folder / "app.log").read_text()[-4000:])

    def stop(self, *, kill: bool = False) -> None:
        assert self.process
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Window:
    """A page of the app that remembers what went wrong on it."""

    def __init__(self, context: Any, app: App) -> None:
        self.page, self.app, self.wrong = context.new_page(), app, list[str]()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        self.page.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("request", self._request)
        self.page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def open(self, query: str = "") -> Any:
        """Go to an address and wait until the store was read."""
        self.page.goto(f"{self.app.url}/{query}")
        self.page.locator("#header .brand").wait_for()
        return self.page

    def errors(self) -> list[str]:
        """What went wrong, but for the noise of leaving a page."""
        return [text for text in self.wrong if not any(noise in text for noise in NOISE)]

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.app.url, "data:", "blob:")):
            self.wrong.append(f"request to elsewhere: {request.url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once a module: Playwright keeps an event loop running, which other tests cannot bear."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed (apt-get install chromium)")
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
