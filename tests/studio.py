"""The app as a process of its own, for tests that talk to it as browsers and programs do."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge.files import write_text
from haloforge.ui.recorded import SHOWN


class App:
    """`halo-forge app` as a process, in a working folder of its own; may be restarted on the same port and store."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.settings, self.environment = folder, dict(settings or {}), environment
        self.runs = folder / "runs"
        write_text(self.runs / SHOWN, "")  # no recorded runs beside those of the test
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.raft = ""

    def start(self) -> "App":
        environment = {**os.environ, "HALOFORGE_RUNS": str(self.runs), "HF_HUB_OFFLINE": "1", **self.environment}
        settings = json.dumps({"port": self.port, **self.settings})
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
