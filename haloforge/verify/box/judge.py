"""The side that makes the verdict: runs the tests, with every name they take from the solution bound to a stand-in.

The solution's process is at the other end of a channel and is never believed: it can only claim values, and they
arrive as plain data. What can be asked of a stand-in is chosen so that no answer decides a comparison with a value of
the tests.
"""

import ast
import builtins
import importlib
import os
import sys
import types
from typing import Any, NoReturn

from . import remote
from .wire import Channel, Closed

STOPPED = "not run"


class Suite:
    """The compiled tests of one problem; raises SyntaxError when they do not compile.

    Shared by every sample of it, so nothing here may hold what a sample sent.
    """

    def __init__(self, source: dict[str, Any]) -> None:
        self.entry_point: str | None = source["entry_point"]
        self.may_shadow = frozenset(source["may_shadow"])
        self.starter = self._compiled(source["starter"], "starter.py")
        self.setup = self._compiled(source["setup"], "setup.py")
        self.call_check: bool = source["kind"] == "check"
        trees = [ast.parse(code, "tests.py") for code in source["code"]]
        wrap = source["kind"] != "asserts"
        self.count = sum(_number_the_units(tree, self.call_check) for tree in trees) if wrap else len(trees)
        self.statements = [compile(tree, "tests.py", "exec", dont_inherit=True) for tree in trees]
        self.one_unit_each = not wrap
        self.wanted = _names_used([self.setup, *self.statements])

    @staticmethod
    def _compiled(code: str, name: str) -> types.CodeType:
        return compile(code, name, "exec", dont_inherit=True)


def _names_used(codes: list[types.CodeType]) -> frozenset[str]:
    names: set[str] = set()
    pending = list(codes)
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(names)


def _number_the_units(tree: ast.Module, inside_check: bool) -> int:
    """Wrap each outermost statement that asserts (in `check`, if that is called) in `with __unit__:`; how many."""
    bodies = [tree.body]
    if inside_check:
        bodies = [node.body for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    count = 0
    for body in bodies:
        for index, node in enumerate(body):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) or not _asserts(node):
                continue
            unit = ast.With([ast.withitem(ast.Name("__unit__", ast.Load()))], [node])
            body[index] = ast.fix_missing_locations(ast.copy_location(unit, node))
            count += 1
    return count


def _asserts(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Assert) for inner in ast.walk(node))


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


def judge(suite: Suite | str, channel_fd: int, verdict_fd: int, stop_at_first_failure: bool) -> NoReturn:
    """Run the tests against the solution at the other end, write one JSON report and end the process."""
    channel, verdict = Channel(channel_fd), Channel(verdict_fd)
    if isinstance(suite, str):
        verdict.send(
            {"end": "broken", "detail": f"the problem's tests do not compile: {suite}", "outcomes": [], "warnings": []}
        )
        os._exit(0)
    report: dict[str, Any] = {"warnings": [], "calls": 0}
    unit = Unit(stop_at_first_failure)
    try:
        report["end"] = _judged(suite, remote.Solution(channel, report), unit, report)
    except (remote.SolutionGone, Closed) as error:
        report |= {"end": "gone", "detail": str(error)}
    report["outcomes"] = unit.outcomes + [STOPPED] * (suite.count - len(unit.outcomes))
    report["errors"] = unit.errors
    verdict.send(report)
    os._exit(0)


def _judged(suite: Suite, peer: remote.Solution, unit: Unit, report: dict[str, Any]) -> str:
    """Returns how the session ended: syntax, load, done, broken (the problem's own code failed)."""
    names = peer.wait_until_loaded()
    if names is None:
        return str(report["failure"])
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    scope = module.__dict__
    scope["__unit__"] = unit
    if suite.entry_point and suite.entry_point not in names:
        report["detail"] = f"the solution does not define {suite.entry_point!r}"
        return "missing"
    _bind(scope, suite, names, peer)
    try:
        exec(suite.setup, scope)
        for statement in suite.statements:
            if suite.one_unit_each:
                with unit:
                    exec(statement, scope)
            else:
                exec(statement, scope)
        if suite.call_check:
            scope["check"](scope[str(suite.entry_point)])
    except StopTesting:
        pass
    except remote.SolutionGone:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the tests raise is an outcome
        unit.outcomes.append("failed: " + explain(error))
        unit.errors.append(kind_of(error))
    report["calls"] = peer.calls
    return "done"


def _bind(scope: dict[str, Any], suite: Suite, names: dict[str, str], peer: remote.Solution) -> None:
    """Names of the solution that the tests use; over them the starter code's helpers, which stay as they are."""
    for name in sorted(suite.wanted & names.keys()):
        if name.startswith("__") or (name in vars(builtins) and name not in suite.may_shadow):
            continue
        if names[name].startswith("module:"):
            _bind_module(scope, name, names[name].removeprefix("module:"))
        else:
            scope[name] = peer.bound(name, names[name])
    helpers: dict[str, Any] = {"__name__": "starter"}
    try:
        exec(suite.starter, helpers)
    except Exception:  # noqa: BLE001
        helpers = {}  # a prompt that is no program of its own (a class header, say) brings no helpers
    for name in suite.wanted & helpers.keys():
        if name != suite.entry_point and not name.startswith("__"):
            scope[name] = helpers[name]
    if suite.entry_point:
        scope[suite.entry_point] = peer.bound(suite.entry_point, names[suite.entry_point])


def _bind_module(scope: dict[str, Any], name: str, module: str) -> None:
    try:
        scope[name] = importlib.import_module(module)
    except ImportError:
        return
