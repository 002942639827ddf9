"""The app as a process, and a window of a browser that remembers what went wrong in it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from haloforge.files import write_text
from haloforge.ui.recorded import SHOWN

NOISE = ("AbortError", "Connection errored out", "net::ERR_ABORTED")
"""What a page that is left or reloaded logs."""
WAIT_MS = 30_000
"""For a busy machine; nothing waits longer than it must."""


class App:
    """`halo-forge app` as a process, in a working folder of its own; may be restarted on the same port and store."""

    def __init__(self, folder: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.environment = folder, environment
        self.runs = folder / "runs"
        write_text(self.runs / SHOWN, "")  # no recorded runs beside those of the test
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
