"""The engine's end of a warm process (a zygote): start it, send it requests, read how each ended."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from haloforge.verify.box.confinement.limits import SUITES_KEPT, Limits
from haloforge.verify.sandbox.interpreter import FLAGS, OWN, Interpreter
from haloforge.verify.sandbox.levels import BOX, ENVIRONMENT
from haloforge.verify.sandbox.startup import startup
from haloforge.verify.sandbox.workspace import NOWHERE, Places

_HEADER = struct.Struct("<I")
_START = (
    "import sys; sys.path.insert(0, {path!r}); from box import warm_process; del sys.path[0]; "
    "warm_process.main({role!r}, {fd}, {config!r})"
)
_START_LIMIT_S = 60
_CLOSE_LIMIT_S = 5


class BoxFailed(Exception):
    """Our own machinery failed, not the sample: a warm process died or cannot be started."""


@dataclass(frozen=True)
class Exit:
    """How a child ended. `memory_mb` is its peak resident size, that of the warm process included.

    `overfull`: it was killed, as its files took more room than they may; `crowded`: as it had too many threads.
    """

    code: int | None
    signal: int | None
    cpu_s: float
    memory_mb: float
    by_wall_clock: bool
    overfull: bool = False
    crowded: bool = False

    @property
    def ran_out_of_cpu(self) -> bool:
        """True when the kernel's CPU limit ended it."""
        return self.signal == signal.SIGXCPU


class Zygote:
    """One warm process and its control socket. One request at a time; not safe to share between threads."""

    def __init__(
        self,
        role: str,
        level: str,
        places: Places = NOWHERE,
        *,
        packages_too: bool = False,
        readable: tuple[str, ...] = (),
        python: Interpreter = OWN,
    ) -> None:
        """Starts it, without waiting until it is ready. The kernel ends it together with the thread that started it."""
        self._start_arguments = (role, level, places, packages_too, readable, python)
        self._start()

    def _start(self) -> None:
        role, level, places, packages_too, readable, python = self._start_arguments
        engine_end, process_end = socket.socketpair()
        how = startup(role, level, places, packages_too=packages_too, readable=readable, python=python)
        start = _START.format(path=str(BOX.parent), role=role, fd=process_end.fileno(), config=how.config)
        argv = [*how.prefix, python.executable, *FLAGS, "-c", start]
        with process_end:
            self._process = subprocess.Popen(
                argv,
                pass_fds=[process_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        self._socket = engine_end
        self._last_request = 0
        self._suites: dict[str, None] = {}
        self._is_ready = False

    def wait_until_ready(self) -> None:
        """Raises BoxFailed where it could not be started. Every request waits too, so that several start at a time."""
        if self._is_ready:
            return
        self._socket.settimeout(_START_LIMIT_S)
        try:
            self._receive()
        except BoxFailed:
            self.close()
            raise
        self._socket.settimeout(None)
        self._is_ready = True

    def restart(self) -> None:
        """End it at once, unless it is gone already, and start it afresh."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()
        self._start()

    def request(self, body: dict[str, Any], limits: Limits, descriptors: Sequence[int] = ()) -> int:
        """Start a child; the descriptors become its own. Returns the number that `end` and `wait` take.

        The child alone reads `body`: all later children would inherit what the warm process itself has read.
        """
        content = in_memory("request", json.dumps(body).encode())
        try:
            return self._send({}, limits, [content, *descriptors])
        finally:
            os.close(content)

    def request_judgement(self, body: dict[str, Any], limits: Limits, descriptors: Sequence[int]) -> int:
        """As `request`, of a process in which no solution runs, and which keeps the tests it is given."""
        return self._send({"body": body}, limits, descriptors)

    def _send(self, message: dict[str, Any], limits: Limits, descriptors: Sequence[int]) -> int:
        self.wait_until_ready()
        self._last_request += 1
        payload = json.dumps(message | {"id": self._last_request, "limits": vars(limits)}).encode()
        frame = _HEADER.pack(len(payload)) + payload
        try:
            sent = socket.send_fds(self._socket, [frame], list(descriptors))
            self._socket.sendall(frame[sent:])
        except OSError as error:
            raise BoxFailed(f"a warm process is gone: {error}") from error
        return self._last_request

    def remember(self, suite_key: str) -> bool:
        """True when the process does not hold that compiled suite, so that the request has to carry its source."""
        if suite_key in self._suites:
            return False
        while len(self._suites) >= SUITES_KEPT:  # as the process itself does, in the same order
            del self._suites[next(iter(self._suites))]
        self._suites[suite_key] = None
        return True

    def end(self, identity: int) -> None:
        """Kill the child of that request, if it still runs."""
        payload = json.dumps({"end": identity}).encode()
        try:
            self._socket.sendall(_HEADER.pack(len(payload)) + payload)
        except OSError as error:
            raise BoxFailed(f"a warm process is gone: {error}") from error

    def wait(self, identity: int) -> Exit:
        """Block until the child of that request is gone."""
        number, *ending = self._receive()
        if number != identity:
            raise BoxFailed("a warm process answered another request")
        return Exit(*ending)

    def _receive(self) -> Any:
        try:
            (length,) = _HEADER.unpack(self._take(_HEADER.size))
            return json.loads(self._take(length))
        except (OSError, struct.error, ValueError) as error:
            raise BoxFailed(f"a warm process is gone: {error}") from error

    def _take(self, size: int) -> bytes:
        data = self._socket.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            raise BoxFailed("a warm process is gone")
        return data

    def close(self) -> None:
        """Hang up; the process ends, and its children with it."""
        self._socket.close()
        try:
            self._process.wait(_CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def in_memory(name: str, data: bytes) -> int:
    """The descriptor of a file without a place, to be read from its start."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
