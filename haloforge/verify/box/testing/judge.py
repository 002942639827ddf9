"""The side that makes the verdict: runs the tests, with every name they take from the solution bound to a stand-in.

The solution's process is at the other end of a channel and is never believed: it can only claim values, and they
arrive as plain data. What can be asked of a stand-in is chosen so that no answer decides a comparison with a value of
the tests.
"""

import contextlib
import sys
import types
from typing import Any, Protocol

from ..protocol.wire import Channel, Closed
from ..running import solution
from . import callbacks as lent
from . import proxy as remote
from . import unittests
from .suite import Suite

STOPPED = "not run"


class Peer(Protocol):
    """Where the solution is: in another process, or, where the tests reach into it, in this one."""

    calls: int
    gone: str

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Names that the solution defines and their kinds; None when it did not load."""

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a global name of the solution."""


class StopTesting(BaseException):
    """No later test can change the verdict, or none can run."""


class Unit:
    """Context manager around one test: records its outcome and lets the next one run."""

    def __init__(self, stop_at_first_failure: bool) -> None:
        self.outcomes: list[str] = []
        self.errors: list[str] = []
        self._stop = stop_at_first_failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            self.outcomes.append("passed")
            return False
        if isinstance(error, remote.SolutionGone | StopTesting):
            return False
        self.outcomes.append("failed: " + explain(error))
        self.errors.append(kind_of(error))
        if self._stop or isinstance(error, SystemExit | KeyboardInterrupt | MemoryError):
            raise StopTesting
        return True


def kind_of(error: BaseException) -> str:
    """`wrong` for a failed comparison, `memory`, or `error` for an exception of any other kind."""
    if isinstance(error, AssertionError) and not isinstance(error, remote.FromSolution):
        return "wrong"
    return "memory" if isinstance(error, MemoryError) else "error"


def explain(error: BaseException) -> str:
    """One line for people: what was raised, and in which line of the solution or the tests."""
    place = (
        f" (solution line {error.solution_line})"
        if isinstance(error, remote.FromSolution) and error.solution_line
        else ""
    )
    name = type(error).__name__
    try:
        text = str(error)[:300]
    except Exception:  # noqa: BLE001 - an exception of the solution may have a broken __str__
        text = ""
    if name == "AssertionError" and not text:
        return "assertion" + place
    return f"{name}: {text}{place}" if text else name + place


def judge(suite: Suite | str, channel_fd: int, verdict_fd: int, *, stop: bool) -> None:
    """Run the tests against the solution at the other end, and write one JSON report."""
    report: dict[str, Any] = {"warnings": [], "calls": 0}
    known = (suite.entry_point, suite.foreseen) if isinstance(suite, Suite) else (None, [])
    peer = remote.Solution(Channel(channel_fd), report, *known)
    Channel(verdict_fd).send(_complete(suite, peer, report, stop))


def judge_joined(suite: Suite | str, code: str, verdict_fd: int, *, stop: bool) -> None:
    """Run solution and tests in this one process, for tests that change the solution from within. Can be forged."""
    report: dict[str, Any] = {"warnings": [], "calls": 0, "forgeable": True}
    Channel(verdict_fd).send(_complete(suite, Joined(code, report), report, stop))


def _complete(suite: Suite | str, peer: Peer, report: dict[str, Any], stop: bool) -> dict[str, Any]:
    if isinstance(suite, str):
        detail = f"the problem's tests do not compile: {suite}"
        return {"end": "broken", "detail": detail, "outcomes": [], "warnings": []}
    unit = Unit(stop)
    report["bound"] = 0
    try:
        report["end"] = _judged(suite, peer, unit, report)
        if peer.gone:  # a bare `except` in the tests may have hidden it from them
            report |= {"end": "gone", "detail": peer.gone}
    except (remote.SolutionGone, Closed) as error:
        report |= {"end": "gone", "detail": str(error)}
    outcomes = unit.outcomes + [STOPPED] * (suite.count - len(unit.outcomes))
    if report.pop("changed_and_returned", False) and suite.lends:
        report["forgeable"] = True  # what was expected may have been worked out from what the solution changed
    asked = peer.calls > report["bound"] or "forgeable" in report  # for in one process nobody counts
    tested = "passed" in outcomes if suite.count or suite.kind == "pytest" else asked
    return report | {"outcomes": outcomes, "errors": unit.errors, "calls": peer.calls if tested else 0}


class Joined:
    """The solution in this very process."""

    gone = ""
    calls = 1

    def __init__(self, code: str, report: dict[str, Any]) -> None:
        self._code = code
        self._report = report
        self._module = types.ModuleType(solution.NAME)

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Runs the solution's module."""
        sys.modules[solution.NAME] = self._module
        compiled = solution.compiled(self._code, self._report)
        if compiled is None:
            return None
        try:
            exec(compiled, vars(self._module))
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is an outcome
            remote.note_failure(self._report, solution.describe(error))
            return None
        return dict.fromkeys(vars(self._module), "value")

    def bound(self, name: str, kind: str) -> Any:
        """The object itself."""
        return vars(self._module)[name]


def _judged(suite: Suite, peer: Peer, unit: Unit, report: dict[str, Any]) -> str:
    """Returns how the session ended: syntax, load, missing, done."""
    names = peer.wait_until_loaded()
    if names is None:
        return str(report["failure"])
    if suite.entry_point and suite.entry_point not in names:
        report["detail"] = f"the solution does not define {suite.entry_point!r}"
        return "missing"
    module = types.ModuleType(lent.OWNERS[suite.kind == "program"])  # a program's tests may ask whether it is run
    sys.modules[module.__name__] = module
    vars(module).update(__unit__=unit, __same__=remote.same)
    if suite.kind == "pytest":
        unittests.provide(peer, names, offered=suite.may_take(names))
    try:
        _bind(vars(module), suite, names, peer)
        report["bound"] = peer.calls
        _run(suite, module, unit)
    except StopTesting:
        pass
    except remote.SolutionGone:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the tests raise is an outcome
        if suite.kind == "program" and isinstance(error, SystemExit) and not error.code:
            return "done"  # as `unittest.main` ends when all is well; a solution that exits is gone
        unit.outcomes.append("failed: " + explain(error))
        unit.errors.append(kind_of(error))
    return "done"


def _run(suite: Suite, module: types.ModuleType, unit: Unit) -> None:
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
        for test in unittests.collected(module):
            with unit:
                test()


def _bind(scope: dict[str, Any], suite: Suite, names: dict[str, str], peer: Peer) -> None:
    """Names of the solution that the tests use; over them the starter code's helpers, which stay as they are."""
    for name in sorted(suite.wanted & set(suite.may_take(names))):
        with contextlib.suppress(Exception):  # what cannot cross is not there for the tests
            scope[name] = peer.bound(name, _kind(suite, name, names))
    if suite.wanted & suite.helpers:
        helpers: dict[str, Any] = {"__name__": "starter"}
        exec(suite.starter, helpers)
        scope.update({name: helpers[name] for name in suite.wanted & suite.helpers if name in helpers})
    if suite.entry_point:
        scope[suite.entry_point] = peer.bound(suite.entry_point, _kind(suite, suite.entry_point, names))


def _kind(suite: Suite, name: str, names: dict[str, str]) -> str:
    """What a name of the solution is; a class where a function was asked for makes no objects that tests may trust."""
    return "function" if names[name] == "class" and name in suite.functions else names[name]
