"""Run the tests of one problem against one solution, and report what came of each."""

import contextlib
import functools
import sys
import types
from typing import Any, Protocol

from ..protocol.wire import Channel, Closed
from ..running import program
from . import callbacks, unittests
from .connection import Connection
from .files import ReadAgain
from .judging import on_the_whole
from .proxies import same
from .solution_errors import FromSolution, SolutionGone, StoppedIteration, note_failure
from .suite import Suite

MAX_MESSAGE = 300
"""Characters of an exception's message that stand in the outcome of a test."""
PASSED, NOT_RUN = "passed", "not run"
"""Outcomes of tests, as the report to the engine has them; `_failed` makes the third."""


class Solution(Protocol):
    """Where the solution is: in another process or, where the tests patch or inspect it, in this one."""

    calls: int
    gone: str

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Names that the solution defines and their kinds; None when it did not load."""

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a global name of the solution."""

    def library_value(self, name: str, kind: str) -> Any:
        """What the library has under a name that the solution took from there; None where it is the solution's own."""

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""

    def patch(self, operation: str, *arguments: Any) -> Any:
        """Change something around the solution, where that is in another process."""


class StopTesting(BaseException):
    """No later test can change the verdict, or none can run."""


class Unit:
    """Context manager around one test: records its outcome and lets the next one run."""

    def __init__(self, stop_at_first_failure: bool) -> None:
        self.outcomes: list[str] = []
        self.errors: list[str] = []
        """The kind of each failure; see `kind_of`."""
        self._stop = stop_at_first_failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            self.outcomes.append(PASSED)
            return False
        if isinstance(error, SolutionGone | StopTesting):
            return False
        self.note(error)
        if self._stop or isinstance(error, SystemExit | KeyboardInterrupt | MemoryError):
            raise StopTesting
        return True

    def note(self, error: BaseException) -> None:
        """A test failed by this error."""
        self.outcomes.append(_failed(error))
        self.errors.append(kind_of(error))


def _failed(error: BaseException) -> str:
    return "failed: " + explain(error)


def kind_of(error: BaseException) -> str:
    """`wrong` for a failed comparison, `memory`, or `error` for an exception of any other kind."""
    if isinstance(error, AssertionError) and not isinstance(error, FromSolution):
        return "wrong"
    return "memory" if isinstance(error, MemoryError) else "error"


def explain(error: BaseException) -> str:
    """One line for people: what was raised, and in which line of the solution."""
    line = error.solution_line if isinstance(error, FromSolution) else None
    place = f" (solution line {line})" if line else ""
    name = type(error).__name__
    try:
        text = str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - an exception of the solution may have a broken __str__
        text = ""
    if name == "AssertionError" and not text:
        return "assertion" + place
    return f"{name}: {text}{place}" if text else name + place


def judge(suite: Suite | str, channel_fd: int, verdict_fd: int, *, stop: bool, files: ReadAgain | None = None) -> None:
    """Run the tests against the solution at the other end, and write one JSON report."""
    report: dict[str, Any] = {"warnings": [], "calls": 0}
    batch = (suite.entry_point, suite.batched_calls, suite.reading) if isinstance(suite, Suite) else (None, [])
    solution = Connection(Channel(channel_fd), report, *batch)
    completed = _completed(suite, solution, report, stop)
    if files and files.happened:
        completed["forgeable"] = True
    Channel(verdict_fd).send(completed)


def judge_joined(suite: Suite | str, code: str, verdict_fd: int, *, stop: bool) -> None:
    """Run solution and tests in this one process, for tests that patch or inspect the solution. Can be forged."""
    report: dict[str, Any] = {"warnings": [], "calls": 0, "forgeable": True}
    Channel(verdict_fd).send(_completed(suite, InThisProcess(code, report), report, stop))


def _completed(suite: Suite | str, solution: Solution, report: dict[str, Any], stop: bool) -> dict[str, Any]:
    """The report, with how the session ended, the outcome of each test, and how often the solution was called."""
    if isinstance(suite, str):
        detail = f"the problem's tests do not compile: {suite}"
        return {"end": "broken", "detail": detail, "outcomes": [], "warnings": []}
    unit = Unit(stop)
    report["bound"] = 0
    try:
        report["end"] = _session(suite, solution, unit, report)
        if solution.gone:  # a bare `except` in the tests may have hidden it from them
            report |= {"end": "gone", "detail": solution.gone}
    except (SolutionGone, Closed) as error:
        report |= {"end": "gone", "detail": str(error)}
    outcomes = unit.outcomes + [NOT_RUN] * (suite.count - len(unit.outcomes))
    reading, changed = suite.reading, report.pop("changed", False)
    if (report.pop("changed_and_returned", False) and reading.keeps_arguments) or (
        changed and reading.compares_arguments
    ):
        report["forgeable"] = True  # the tests may have computed what they expect from what the solution changed
    was_called = solution.calls > report["bound"] or "forgeable" in report  # for in one process nobody counts
    was_tested = PASSED in outcomes if suite.count or suite.kind == "pytest" else was_called
    return report | {"outcomes": outcomes, "errors": unit.errors, "calls": solution.calls if was_tested else 0}


class InThisProcess:
    """The solution in this very process."""

    gone = ""
    calls = 1

    def __init__(self, code: str, report: dict[str, Any]) -> None:
        self._code = code
        self._report = report
        self._module = types.ModuleType(program.MODULE_NAME)

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Runs the solution's module."""
        sys.modules[program.MODULE_NAME] = self._module
        compiled = program.compiled(self._code, self._report)
        if compiled is None:
            return None
        try:
            exec(compiled, vars(self._module))
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is an outcome
            note_failure(self._report, program.describe(error))
            return None
        return dict.fromkeys(vars(self._module), "value")

    def bound(self, name: str, kind: str) -> Any:
        """The object itself."""
        return vars(self._module)[name]

    def library_value(self, name: str, kind: str) -> Any:
        """The object itself: every verdict of this kind is marked."""
        return vars(self._module)[name]

    def mark_forgeable(self) -> None:
        """It is already."""

    def patch(self, operation: str, *arguments: Any) -> Any:
        """Not needed: what the tests change is changed here."""
        return ["", ""]


def _session(suite: Suite, solution: Solution, unit: Unit, report: dict[str, Any]) -> str:
    """Load, bind, run. Returns how the session ended: syntax, load, missing, done."""
    names = solution.wait_until_loaded()
    if names is None:
        return str(report["failure"])
    if suite.entry_point and suite.entry_point not in names:
        report["detail"] = f"the solution does not define {suite.entry_point!r}"
        return "missing"
    module = types.ModuleType(callbacks.TEST_MODULES[suite.kind == "program"])
    sys.modules[module.__name__] = module
    whole = functools.partial(on_the_whole, solution.mark_forgeable)
    vars(module).update(__unit__=unit, __same__=same, __whole__=whole, __stopped__=StoppedIteration)
    if suite.kind == "pytest":
        unittests.provide(solution, names, offered=suite.may_take(names))
    try:
        _bind(vars(module), suite, names, solution)
        report["bound"] = solution.calls
        _run(suite, module, unit, solution)
    except StopTesting:
        pass
    except SolutionGone:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the tests raise is an outcome
        is_exit = isinstance(error, SystemExit) and not isinstance(error, FromSolution) and not error.code
        if suite.kind == "program" and is_exit:
            return "done"  # as `unittest.main` ends when all is well; a solution that exits is gone
        unit.note(error)
    return "done"


def _run(suite: Suite, module: types.ModuleType, unit: Unit, solution: Solution) -> None:
    scope = vars(module)
    candidate = scope.get(str(suite.entry_point))  # now, for the tests may define a `check` where the solution did
    exec(suite.setup, scope)
    for statement in suite.statements:
        if suite.kind == "asserts":
            with unit:
                exec(statement, scope)
        else:
            exec(statement, scope)
    if suite.kind == "check":
        scope["check"](candidate)
    if suite.kind == "pytest":
        for test in unittests.collected(module, solution):
            with unit:
                test()


def _bind(scope: dict[str, Any], suite: Suite, names: dict[str, str], solution: Solution) -> None:
    """Names of the solution that the tests use; over them the starter code's helpers, which stay as they are."""
    for name in sorted(suite.names_used & set(suite.may_take(names))):
        with contextlib.suppress(Exception):  # what cannot cross is not there for the tests
            value = solution.library_value(name, names[name]) if suite.takes_from_library(name) else None
            if value is None:
                value = solution.bound(name, _kind(suite, name, names))
                if suite.takes_from_library(name):
                    solution.mark_forgeable()
            scope[name] = value
    used_helpers = suite.names_used & suite.helpers
    if used_helpers:
        starter: dict[str, Any] = {"__name__": "starter"}
        exec(suite.starter, starter)
        scope.update({name: starter[name] for name in used_helpers if name in starter})
    if suite.entry_point:
        scope[suite.entry_point] = solution.bound(suite.entry_point, _kind(suite, suite.entry_point, names))


def _kind(suite: Suite, name: str, names: dict[str, str]) -> str:
    """What a name of the solution is; a class where a function was asked for makes no objects that tests may trust."""
    return "function" if names[name] == "class" and name in suite.functions else names[name]
