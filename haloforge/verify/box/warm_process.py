"""A warm process (a zygote): it imports what its children need, then forks one child per request.

It takes one of four roles: `solution` runs model-written Python, `judge` runs tests against a solution, `launcher`
starts compilers and compiled programs, `command` starts a command of the user's. The first never receives a test, the
second never runs a solution unless the tests have to be in one process with it.

Requests and replies are frames on the control socket; descriptors travel beside the request. What a request says, its
`body`, is in a file in memory, the first of the descriptors, which is read in the child alone: whatever this process
itself has read, all its later children would inherit. Only a process that judges is told tests in the frame, for it
keeps them, and no solution runs in its children. `{"end": id}` kills the child of that request. When a child is gone,
the reply is `[id, exit code, signal, CPU seconds, MiB, killed by the wall clock, for what it wrote, for its threads]`.
"""

import array
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import time
from typing import Any, NoReturn

from . import workspace
from .confinement import filters, landlock, limits, seccomp
from .crowd import Crowd
from .forking import fork
from .preloading import preload
from .protocol.wire import HEADER
from .roles import Role


def main(role: str, control_fd: int, config: dict[str, Any]) -> NoReturn:
    """Serve requests until the engine hangs up."""
    control = socket.socket(fileno=control_fd)
    module = importlib.import_module(f".roles.{role}", __package__)  # only its own: a small process forks faster
    if role in ("solution", "judge"):
        preload(config)
        module.rehearse()
        limits.apply_shared(limits.Limits(cpu_s=0, wall_s=0, memory_mb=0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an error for Python, not the end
        _confine(config)
    zygote = _Zygote(control, module.Role(config), workspace.opened(config))
    random.seed(0)
    gc.collect()
    gc.freeze()
    control.sendall(_frame(["ready", os.getpid()]))
    zygote.run()


def _confine(config: dict[str, Any]) -> None:
    """Give up, for this process and all its children, whatever Python does not need."""
    seccomp.hide_from_debuggers()
    if config["landlock"]:
        landlock.restrict(landlock.Reach(**config["reach"]))
    if config["seccomp"]:
        seccomp.install(filters.base(opening=not config["noopen"]))


def _read(descriptor: int) -> dict[str, Any]:
    """The body of a request."""
    content = os.pread(descriptor, os.lseek(descriptor, 0, os.SEEK_END), 0)
    os.close(descriptor)
    return json.loads(content)  # type: ignore[no-any-return]


def _with_limits(body: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    body["limits"] = request["limits"]
    return body


def _frame(message: Any) -> bytes:
    payload = json.dumps(message).encode()
    return HEADER.pack(len(payload)) + payload


_NO_CHILD = [0, None, 0.0, 0.0, False, False, False]
"""What a reply says, but for its number, of a request that needed no child."""
_WATCH_PERIOD_S = 0.05


class _Zygote:
    def __init__(self, control: socket.socket, role: Role, place: workspace.Workspace | None) -> None:
        self._control = control
        self._role = role
        self._workspace = place
        self._child = 0

    def run(self) -> NoReturn:
        """Request by request, until the engine hangs up."""
        while True:
            request, descriptors = self._receive()
            if "end" in request:
                continue  # for a child that had already ended by itself
            is_judgement = "body" in request
            is_done = is_judgement and self._role.handled_here(_with_limits(request["body"], request), descriptors)
            if not is_done:
                if not is_judgement:  # the solution of the judge lives in another process, and still uses the folder
                    self._empty_workspace()
                self._child = self._forked(request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            ending = _NO_CHILD if is_done else self._supervise(request["limits"]["wall_s"])
            if not is_judgement:
                self._empty_workspace()
            self._control.sendall(_frame([request["id"], *ending]))

    def _empty_workspace(self) -> None:
        """Before and after each child."""
        if self._workspace:
            self._workspace.empty()

    def _forked(self, request: dict[str, Any], descriptors: list[int]) -> int:
        rlimits = limits.per_process(limits.Limits(**request["limits"]))
        child = int(fork())
        if child == 0:
            self._become_child(request, descriptors, rlimits)
        if child < 0:
            raise OSError("no process could be forked")
        return child

    def _become_child(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> NoReturn:
        try:
            self._control.close()
            os.setsid()
            body = request["body"] if "body" in request else _read(descriptors.pop(0))
            self._role.run_child(_with_limits(body, request), descriptors, rlimits)
        finally:
            os._exit(70)

    def _supervise(self, wall_s: float) -> list[Any]:
        """Wait for the child, kill it when the time is over or the engine says so, and tell how it ended."""
        child = self._child
        watched = os.pidfd_open(child)
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        events, excess = self._wait(poll, wall_s)
        os.close(watched)
        if any(fd == self._control.fileno() for fd, _ in events):
            self._receive()  # can only be "end"; at the end of the stream it takes the child along
        _kill(child)
        _, status, usage = os.wait4(child, 0)
        self._child = 0
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        by_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        cpu_s, by_clock = usage.ru_utime + usage.ru_stime, not events and not excess
        memory_mb = usage.ru_maxrss / 1024
        return [code, by_signal, cpu_s, memory_mb, by_clock, excess == "files", excess == "threads"]

    def _wait(self, poll: select.poll, wall_s: float) -> tuple[list[tuple[int, int]], str]:
        """What happened first, nothing if the time was over; and of what the child has more than it may."""
        end, place, crowd = time.monotonic() + wall_s, self._workspace, Crowd(self._child)
        if events := poll.poll(min(wall_s, _WATCH_PERIOD_S) * 1000):
            return events, ""
        while (left := end - time.monotonic()) > 0:
            if crowd.is_too_large():
                return [], "threads"
            if place is not None and not place.is_bounded and place.is_overfull():
                return [], "files"
            if events := poll.poll(min(left, _WATCH_PERIOD_S) * 1000):
                return events, ""
        return [], ""

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        header, ancillary, _, _ = self._control.recvmsg(HEADER.size, socket.CMSG_SPACE(64))
        if not header:
            self._leave()
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        header += self._take(HEADER.size - len(header))
        (length,) = HEADER.unpack(header)
        return json.loads(self._take(length)), list(descriptors)

    def _take(self, size: int) -> bytes:
        chunks = []
        while size > 0:
            chunk = self._control.recv(min(size, 1 << 20))
            if not chunk:
                self._leave()
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _leave(self) -> NoReturn:
        """The engine is gone: so is everything it started."""
        if self._child:
            _kill(self._child)
        os._exit(0)


def _kill(child: int) -> None:
    """The child and its session. It has not been reaped yet, so its number cannot belong to another process."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except OSError:
            continue
