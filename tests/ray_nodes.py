"""Real Ray nodes on this machine, each on a core and a loopback address of its own, ended with all their processes."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_SMALL = ("--num-cpus=1", "--object-store-memory=83886080", "--disable-usage-stats")
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_memory_monitor_refresh_ms": "0"}


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class RayNodes:
    """`address` is what `verifier.cluster` takes."""

    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    folder: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="hfr", dir="/tmp"))  # sockets want short paths
    nodes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(
        self, host: str, core: int, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        """A node with one processor; the first is the head. Returns when it has joined. `before` runs it.

        On a machine that others use, Ray now and then gives up a start: it is tried three times.
        """
        for attempts_left in (2, 1, 0):
            try:
                return self._start(host, core, environment, before)
            except RuntimeError:
                self.kill(host)
                if not attempts_left:
                    raise
                self.port = self.port if self.nodes else free_port()

    def _start(self, host: str, core: int, environment: Mapping[str, str] | None, before: Sequence[str]) -> None:
        ray = Path(sys.executable).with_name("ray")
        head = ["--head", f"--port={self.port}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
        how = [f"--node-ip-address={host}", *([f"--address={self.address}"] if self.nodes else head)]
        log = Path(self.folder) / f"{host}.log"
        with log.open("wb") as output:
            self.nodes[host] = subprocess.Popen(
                [*before, str(shutil.which("taskset")), "-c", str(core), str(ray), "start", "--block", *_SMALL, *how],
                env=ENVIRONMENT | os.environ | dict(environment or {}),
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        until = time.monotonic() + 180
        while "Ray runtime started" not in log.read_text():
            if self.nodes[host].poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.2)

    def kill(self, host: str) -> None:
        """The whole node at once, as when its machine loses power."""
        node = self.nodes.pop(host)
        for process in _descendants(node.pid):
            with contextlib.suppress(psutil.Error):
                process.kill()
        node.kill()
        node.wait()

    def stop(self) -> None:
        for host in [*self.nodes][::-1]:
            self.kill(host)
        shutil.rmtree(self.folder, ignore_errors=True)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:  # a node that ended by itself
        return []


@contextlib.contextmanager
def two_nodes() -> Iterator[RayNodes]:
    """Two nodes on two cores, or on the one that there is; this process is no driver of theirs afterwards."""
    import ray

    cores = sorted(os.sched_getaffinity(0))
    nodes = RayNodes()
    kept = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        nodes.start("127.0.0.1", cores[0])
        nodes.start("127.0.0.2", cores[-1])
        yield nodes
    finally:
        ray.shutdown()
        nodes.stop()
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
