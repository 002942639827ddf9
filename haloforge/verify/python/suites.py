"""Python tests in two processes: one has the code, the other the tests, and the verdict comes from the second."""

import dataclasses
import hashlib
import json
import math
import os
import re
import select
import signal
import socket
from typing import Any

from haloforge.records import Problem, Status, TestOutcome
from haloforge.verify.box.confinement.limits import JUDGE_MEMORY_MB, Limits
from haloforge.verify.box.protocol.wire import Channel, Closed
from haloforge.verify.outcome import Outcome, summary_of, violent_end
from haloforge.verify.sandbox.zygote import BoxFailed, Exit, Zygote

OUT_OF_TIME = "the tests ran out of time"


@dataclasses.dataclass(frozen=True)
class Suite:
    """The tests of one problem.

    `joined`: they patch, capture or inspect the solution, which only works from within its process; or run what it
    returns as code of their own, which would be running it where the verdict is made.
    """

    key: str
    source: dict[str, Any]
    joined: bool


def suite_of(problem: Problem) -> Suite:
    """As the judging process takes it."""
    tests = problem.tests
    source = {
        "kind": tests.kind,
        "entry_point": problem.entry_point,
        "may_shadow": _asked_for(problem),
        "functions": _functions(problem),
        "starter": problem.starter_code,
        "setup": tests.setup,
        "code": [*tests.code, *tests.hidden],
    }
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()
    return Suite(key, source, any(_REACHES_IN.search(text) for text in (tests.setup, *tests.code, *tests.hidden)))


_REACHES_IN = re.compile(
    r"\bmock\b|\bmonkeypatch\b|\bpatch\(|\bcapsys\b|\bcapfd\b|\bredirect_std|\binspect\.|\bsys\.(stdout|stdin|modules)\b"
    r"|\bimportlib\b|\bsetattr\(|\b__(code|globals|dict|doc|annotations)__\b|\bget_type_hints\b|\bdataclasses\.\w+\("
    r"|(?<![.\w])(eval|exec|compile|__import__)\(|\b(pickle|marshal)\b"
)


def _asked_for(problem: Problem) -> list[str]:
    """Functions that a solution is meant to define, even under the name of a builtin (MBPP/126 wants `sum`)."""
    defined = re.findall(r"^def (\w+)", problem.solution or "", re.MULTILINE)
    return sorted({*defined, *filter(None, [problem.entry_point])})


def _functions(problem: Problem) -> list[str]:
    """Names that its reference or starter code defines by `def`; an entry point that is named like one if both lack."""
    known = f"{problem.starter_code}\n{problem.solution or ''}"
    defined = set(re.findall(r"^def (\w+)", known, re.MULTILINE))
    name = problem.entry_point
    if name and name[0].islower() and not re.search(rf"^class {re.escape(name)}\b", known, re.MULTILINE):
        defined.add(name)
    return sorted(defined)


def run_split(solution: Zygote, judge: Zygote, suite: Suite, code: str, limits: Limits, *, stop: bool) -> Outcome:
    """Judge one solution. Raises BoxFailed when a process of ours is gone."""
    request = _request(judge, suite, stop)
    ours, theirs = socket.socketpair()
    verdict, written = os.pipe()
    try:
        with ours, theirs:
            solving = solution.request({"mode": "serve", "code": code}, limits, [ours.fileno()])
            judging = judge.request(request, _judge_limits(limits), [theirs.fileno(), written])
    except BoxFailed:
        os.close(verdict)
        raise
    finally:
        os.close(written)
    try:
        report = _read(verdict, _judge_limits(limits).wall_s + 5)
    except TimeoutError:  # the tests themselves, run without a process of their own, did not end
        solution.end(solving)
        judge.restart()
        return Outcome("timeout", OUT_OF_TIME, cpu_s=solution.wait(solving).cpu_s, slept=True)
    solution.end(solving)
    judge.end(judging)
    return _outcome(report, solution.wait(solving), judge.wait(judging), limits)


def run_joined(judge: Zygote, suite: Suite, code: str, limits: Limits, *, stop: bool) -> Outcome:
    """Judge one solution in the process of its tests, because these want to change it from within; can be forged."""
    verdict, written = os.pipe()
    try:
        judging = judge.request(_request(judge, suite, stop) | {"code": code}, limits, [written])
    except BoxFailed:
        os.close(verdict)
        raise
    finally:
        os.close(written)
    report = _read(verdict)
    judge.end(judging)
    end = judge.wait(judging)
    return dataclasses.replace(_outcome(report or {"end": "gone"} | _NOTHING, end, end, limits), forgeable=True)


_NOTHING: dict[str, Any] = {"outcomes": [], "errors": [], "warnings": [], "calls": 0}


def _request(judge: Zygote, suite: Suite, stop: bool) -> dict[str, Any]:
    request = {"suite_key": suite.key, "stop": stop, "forked": False}
    return request | ({"suite": suite.source} if judge.remember(suite.key) else {})


def _judge_limits(limits: Limits) -> Limits:
    """Enough for the tests' own work and for waiting for the solution's last moment."""
    return Limits(cpu_s=limits.cpu_s * 2 + 10, wall_s=limits.wall_s + 10, memory_mb=JUDGE_MEMORY_MB)


def _read(descriptor: int, wait_s: float = math.inf) -> dict[str, Any] | None:
    """The report, or None when its writer ended without one. Raises TimeoutError."""
    try:
        if wait_s < math.inf and not select.select([descriptor], [], [], wait_s)[0]:
            raise TimeoutError
        return Channel(descriptor).receive()  # type: ignore[no-any-return]
    except Closed:
        return None
    finally:
        os.close(descriptor)


def _outcome(report: dict[str, Any] | None, solution: Exit, judge: Exit, limits: Limits) -> Outcome:
    if report is None:
        return _judge_died(solution, judge, limits)
    tests = tuple(map(TestOutcome.from_text, report["outcomes"]))
    status, detail = _status(report, tests, solution, limits)
    return Outcome(
        status=status,
        detail=detail,
        tests=tests,
        has_warnings=bool(report["warnings"]),
        diagnostics="\n".join(report["warnings"]),
        cpu_s=solution.cpu_s,
        memory_mb=solution.memory_mb,
        forgeable=bool(report.get("forgeable")),
        slept=solution.by_wall_clock,
    )


def _judge_died(solution: Exit, judge: Exit, limits: Limits) -> Outcome:
    """The tests themselves ran out of time, on values that the solution gave them; any other end is our own failure."""
    if judge.by_wall_clock or judge.ran_out_of_cpu:
        return Outcome("timeout", OUT_OF_TIME, cpu_s=solution.cpu_s, slept=judge.by_wall_clock)
    raise BoxFailed(f"the judging process ended with {judge.code}, signal {judge.signal}")


def _status(
    report: dict[str, Any], tests: tuple[TestOutcome, ...], solution: Exit, limits: Limits
) -> tuple[Status, str]:
    end, detail = report["end"], report.get("detail", "")
    if end == "syntax":
        return "compile_error", detail
    if end == "load":
        return _load_status(report["classes"]), detail
    if end == "missing":
        return "wrong_answer", detail
    if end == "broken":
        return "unscored", detail
    if end == "gone":
        killed_by_us = (
            solution.signal == signal.SIGKILL and not solution.by_wall_clock and solution.cpu_s < limits.cpu_s
        )
        return (None if killed_by_us else violent_end(solution, limits.cpu_s)) or ("exited_early", detail)
    if report["errors"]:
        status = {"wrong": "wrong_answer", "memory": "memory_limit", "error": "runtime_error"}[report["errors"][0]]
        return status, summary_of(tests)  # type: ignore[return-value]
    if not report["calls"]:
        return "unscored", "these tests never use the solution"
    return "passed", ""


def _load_status(classes: list[str]) -> Status:
    if "SystemExit" in classes or "KeyboardInterrupt" in classes:
        return "exited_early"
    return "memory_limit" if "MemoryError" in classes else "runtime_error"
