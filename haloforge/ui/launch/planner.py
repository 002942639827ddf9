"""Asks the process that plans, and remembers its answers until a file changes that the config names."""

import asyncio
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from haloforge.children import own_environment, python_module
from haloforge.config import values
from haloforge.doctor import Check
from haloforge.settings import StageConfig, settings

LIMIT_S = 330.0
"""Seconds that a plan may take; a measurement of a model's speed is the longest part of it."""
IDLE_S = 90.0
"""Seconds after its last answer in which the process is kept: what it loaded takes memory."""
_MOST_KEPT = 64
_LOOK_S, _PATIENCE_S = 0.2, 3.0
_NO_ANSWER = "this could not be planned; change a setting or reload to try again"


Answer = TypeVar("Answer")


class Plan(NamedTuple):
    """What would happen: preflight rows, the lines of the dry run, and the sentence that refuses the plan."""

    checks: tuple[Check, ...] = ()
    lines: tuple[str, ...] = ()
    error: str = ""


class Planner:
    """One process for all visitors, started when it is first asked; answers come one at a time."""

    def __init__(self, limit_s: float = LIMIT_S, idle_s: float = IDLE_S) -> None:
        self._limit_s, self._idle_s = limit_s, idle_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Plan] = OrderedDict()
        self._timer: threading.Timer | None = None
        self._waiting = 0

    def kept(self, config: StageConfig, *, measures: bool) -> Plan | None:
        """The answer, if it was given before and no file has changed since."""
        return self._kept.get(_key(config, measures))

    def warm(self) -> None:
        """Start the process, if it is not there: somebody opened a form, and will ask soon."""
        if not self._lock.acquire(blocking=False):
            return  # it is at work
        try:
            self._start()
            self._end_when_idle()
        finally:
            self._lock.release()

    async def apart(self, work: Callable[[], Answer]) -> Answer:
        """Do work that plans in a thread of its own: it may wait long, and the page has few threads for all visitors.

        The thread does not keep the server from ending.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def tell(set_it: Callable[..., None], value: object) -> None:
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(lambda: None if answer.done() else set_it(value))

        def run() -> None:
            try:
                tell(answer.set_result, work())
            except BaseException as error:  # noqa: BLE001  whoever awaits it gets it
                tell(answer.set_exception, error)

        threading.Thread(target=run, name="planner", daemon=True).start()
        return await answer

    def plan(self, config: StageConfig, *, measures: bool = True) -> Plan:
        """What the config would do. Waits for the process, so call it off the event loop. Never raises.

        A measurement is given up when another question waits; then the plan tells no time.
        """
        question = {"stage": config.stage, "config": config.to_json(), "measures": measures}
        plan = self._answered(_key(config, measures), question)
        return plan or (self.kept(config, measures=False) if measures else None) or Plan(error=_NO_ANSWER)

    def times(self, chain: Sequence[StageConfig], *, measures: bool = True) -> Plan:
        """How long each run of a pipeline takes: a line each, empty where that is not known."""
        question = {"chain": [{"stage": c.stage, "config": c.to_json()} for c in chain], "measures": measures}
        plan = self._answered(json.dumps([_key(c, measures) for c in chain]), question)
        return plan or Plan(lines=("",) * len(chain))

    def _answered(self, key: str, question: dict[str, Any]) -> Plan | None:
        """The answer, kept or new; None where there came none."""
        self._waiting += 1
        with self._lock:
            self._waiting -= 1
            if key in self._kept:
                return self._kept[key]
            plan = self._ask(question)
            if plan is None:
                self._end()
                return None
            self._kept[key] = plan
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            self._end_when_idle()
        return plan

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._end()

    def _ask(self, question: dict[str, Any]) -> Plan | None:
        process = self._start()
        stdin, stdout = process.stdin, process.stdout
        assert stdin and stdout
        try:
            stdin.write(json.dumps(question).encode() + b"\n")
            stdin.flush()
        except OSError:
            return None
        line = self._line(stdout, gives_way=question["measures"])
        if not line:
            return None
        said = json.loads(line)
        return Plan(tuple(Check(**row) for row in said["checks"]), tuple(said["lines"]), said["error"])

    def _line(self, stdout: IO[bytes], *, gives_way: bool) -> bytes:
        """The answer; nothing when it took too long, or when others wait and it `gives_way` to them."""
        began = time.monotonic()
        with selectors.DefaultSelector() as ready:
            ready.register(stdout, selectors.EVENT_READ)
            while (taken := time.monotonic() - began) < self._limit_s:
                if ready.select(_LOOK_S):
                    return stdout.readline()
                if gives_way and self._waiting and taken > _PATIENCE_S:
                    break
        return b""

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = _started()
        return self._process

    def _end_when_idle(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        python_module("haloforge.ui.launch.planning"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=own_environment(),
        start_new_session=True,
    )


def _key(config: StageConfig, measures: bool) -> str:
    """The config, and the times of what it names: an answer holds until one of them changes."""
    named = [values(config)[s.path] for s in settings(type(config)) if s.kind]
    stamps = [_stamp(name) for name in named if isinstance(name, str)]
    return json.dumps([config.stage, config.to_json(), stamps, measures], sort_keys=True)


def _stamp(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0
