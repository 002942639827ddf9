"""Test suites in Python: one process runs the solution, another the tests, and the verdict comes from the second."""

import dataclasses
import hashlib
import json
import math
import os
import re
import select
import signal
import socket
import time
from typing import Any

from haloforge.records import Problem, Status, TestOutcome
from haloforge.verify.box.confinement.limits import JUDGE_MEMORY_MB, JUDGE_SLACK_S, Limits
from haloforge.verify.box.protocol.wire import Channel, Closed
from haloforge.verify.outcome import Outcome, summary_of, violent_end
from haloforge.verify.python.one_process import needs_one_process
from haloforge.verify.sandbox.zygote import BoxFailed, Exit, Zygote

ENDING_S = 0.5
"""Seconds in which a process that is out of time is ended from within the sandbox, before it is from here."""
OUT_OF_TIME = "the tests ran out of time"


@dataclasses.dataclass(frozen=True)
class Suite:
    """The tests of one problem.

    `joined`: they must run in one process with the solution, see `one_process`.
    """

    key: str
    """Digest of `source`, by which the judging process finds the compiled suite."""
    source: dict[str, Any]
    """As `box.testing.suite.Suite` takes it."""
    joined: bool


@dataclasses.dataclass(frozen=True)
class Trial:
    """One solution, the tests that judge it, and the limits under which it runs."""

    suite: Suite
    code: str
    limits: Limits
    stop: bool
    """At the first failure."""


def suite_of(problem: Problem) -> Suite:
    """The suite of a problem, for `run_split` or, if it is `joined`, for `run_joined`."""
    tests = problem.tests
    source = {
        "kind": tests.kind,
        "entry_point": problem.entry_point,
        "may_shadow": _names_to_define(problem),
        "functions": _functions(problem),
        "starter": problem.starter_code,
        "setup": tests.setup,
        "code": [*tests.code, *tests.hidden],
    }
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()
    texts = (tests.setup, *tests.code, *tests.hidden)
    return Suite(key, source, needs_one_process(texts))


def _names_to_define(problem: Problem) -> list[str]:
    """Functions that a solution should define, even under the name of a builtin (MBPP/126 wants `sum`)."""
    defined = re.findall(r"^def (\w+)", problem.solution or "", re.MULTILINE)
    return sorted({*defined, *filter(None, [problem.entry_point])})


def _functions(problem: Problem) -> list[str]:
    """Names that the reference or the starter code defines by `def`.

    If neither defines the entry point, a name in lower case is taken for a function too.
    """
    code = f"{problem.starter_code}\n{problem.solution or ''}"
    defined = set(re.findall(r"^def (\w+)", code, re.MULTILINE))
    name = problem.entry_point
    if name and name[0].islower() and not re.search(rf"^class {re.escape(name)}\b", code, re.MULTILINE):
        defined.add(name)
    return sorted(defined)


def run_split(solution: Zygote, judge: Zygote, trial: Trial) -> Outcome:
    """Judge one solution. Raises BoxFailed when a process of ours is gone.

    Tests that do not come to an end on what a solution answers are ended with the process that runs them: by itself
    when their CPU time is used up, else from here. Either is the solution's timeout.
    """
    request, limits = _request(judge, trial), trial.limits
    ours, began = _judge_limits(limits), time.monotonic()
    of_solution, of_judge = socket.socketpair()
    verdict, verdict_end = os.pipe()
    try:
        with of_solution, of_judge:
            solving = solution.request({"mode": "serve", "code": trial.code}, limits, [of_solution.fileno()])
            judging = judge.request_judgement(request, ours, [of_judge.fileno(), verdict_end])
    except BoxFailed:
        os.close(verdict)
        raise
    finally:
        os.close(verdict_end)
    try:
        report = _read(verdict, ours.wall_s + ENDING_S)
    except TimeoutError:
        solution.end(solving)
        judge.restart()
        return Outcome("timeout", OUT_OF_TIME, cpu_s=solution.wait(solving).cpu_s, slept=True)
    solution.end(solving)
    solved = solution.wait(solving)
    try:
        judge.end(judging)
        judged = judge.wait(judging)
    except BoxFailed:
        if time.monotonic() - began < ours.cpu_s:
            raise
        judge.restart()
        return Outcome("timeout", OUT_OF_TIME, cpu_s=solved.cpu_s)
    return _outcome(report, solved, judged, limits)


def run_joined(judge: Zygote, trial: Trial) -> Outcome:
    """Judge one solution in the process of its tests, because they need that; the verdict can be forged."""
    verdict, verdict_end = os.pipe()
    try:
        request = {"mode": "joined", "suite": trial.suite.source, "code": trial.code, "stop": trial.stop}
        judging = judge.request(request, trial.limits, [verdict_end])
    except BoxFailed:
        os.close(verdict)
        raise
    finally:
        os.close(verdict_end)
    report = _read(verdict)
    judge.end(judging)
    end = judge.wait(judging)
    believed = _GONE | report if isinstance(report, dict) else _GONE
    return dataclasses.replace(
        _outcome(believed if _is_report(believed) else _GONE, end, end, trial.limits), forgeable=True
    )


_GONE: dict[str, Any] = {"end": "gone", "outcomes": [], "errors": [], "warnings": [], "calls": 0, "classes": []}
"""Stands for the report of a process that ended without one."""
_KINDS_OF_ERROR: dict[str, Status] = {"wrong": "wrong_answer", "memory": "memory_limit", "error": "runtime_error"}
_REPORT_BYTES = 4 << 20


def _is_report(report: dict[str, Any]) -> bool:
    """Whether what a process wrote in which the solution ran too has the shape of a report."""
    lists = [report[name] for name in ("outcomes", "errors", "warnings", "classes")]
    return (
        all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists)
        and all(isinstance(report.get(name, ""), str) for name in ("end", "detail"))
        and _KINDS_OF_ERROR.keys() >= {*report["errors"]}
        and isinstance(report["calls"], int)
    )


def _request(judge: Zygote, trial: Trial) -> dict[str, Any]:
    suite = trial.suite
    request = {"suite_key": suite.key, "stop": trial.stop}
    return request | ({"suite": suite.source} if judge.remember(suite.key) else {})


def _judge_limits(limits: Limits) -> Limits:
    """Enough for the work of the tests themselves, and for waiting until the solution has used up its own limits."""
    return Limits(limits.cpu_s + JUDGE_SLACK_S, limits.wall_s + JUDGE_SLACK_S, JUDGE_MEMORY_MB)


def _read(descriptor: int, wait_s: float = math.inf) -> dict[str, Any] | None:
    """The report, or None when its writer ended without one. Raises TimeoutError."""
    try:
        if wait_s < math.inf and not select.select([descriptor], [], [], wait_s)[0]:
            raise TimeoutError
        return Channel(descriptor, _REPORT_BYTES).receive()  # type: ignore[no-any-return]
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
    """A timeout if the tests ran out of time, on values that the solution gave them.

    Raises BoxFailed for any other end: that is a failure of ours.
    """
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
    if end == "gone" and report.get("flooded"):
        return "output_limit", detail
    if end == "gone":
        killed_by_us = (
            solution.signal == signal.SIGKILL
            and not solution.by_wall_clock
            and not solution.overfull
            and not solution.crowded
            and solution.cpu_s < limits.cpu_s
        )
        return (None if killed_by_us else violent_end(solution, limits.cpu_s)) or ("exited_early", detail)
    if report["errors"]:
        return _KINDS_OF_ERROR[report["errors"][0]], summary_of(tests)
    if not report["calls"]:
        return "unscored", "these tests never use the solution"
    return "passed", ""


def _load_status(classes: list[str]) -> Status:
    if "SystemExit" in classes or "KeyboardInterrupt" in classes:
        return "exited_early"
    return "memory_limit" if "MemoryError" in classes else "runtime_error"
