"""Tests written for pytest or unittest: collected and run here, with the parts of pytest that they need.

Of the marks count `parametrize`, `usefixtures` and `asyncio`, by which a coroutine is run; the others are ignored.
Skipped tests count as failed: a solution must not be able to choose them. So do tests that never run: coroutines
without that mark, and those that yield.
"""

import contextlib
import decimal
import functools
import importlib
import importlib.util
import inspect
import math
import re
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..running.program import MODULE_NAME
from .fixtures import Fixture, Fixtures, FixturesOfTest, MonkeyPatch
from .subject import inner_subject


class Binder(Protocol):
    """Where the names of the solution come from."""

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a name of the solution."""

    def patch(self, operation: str, *arguments: Any) -> Any:
        """Change something around the solution, where that is in another process."""


def provide(solution: Binder, names: Mapping[str, str], offered: Sequence[str]) -> None:
    """Make `import solution` and `import pytest` work in tests.

    `names`: what the solution defines, and of which kind. `offered`: what `from solution import *` may give.
    """

    class SolutionModule(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name not in names:
                raise AttributeError(f"module {MODULE_NAME!r} has no attribute {name!r}")
            try:
                value = solution.bound(name, names[name])
            except ImportError as error:
                raise AttributeError(f"module {error} is not loaded") from error
            vars(self)[name] = value
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            subject = inner_subject(value)
            if subject is not None and subject.target == name:
                solution.patch("unbind", name)
            else:
                solution.patch("rebind", name, value)
            vars(self)[name] = value

        def __delattr__(self, name: str) -> None:
            solution.patch("unbind", name)
            vars(self).pop(name, None)

    if MODULE_NAME not in sys.modules:
        module = SolutionModule(MODULE_NAME)
        vars(module)["__all__"] = [name for name in offered if not name.startswith("_")]
        sys.modules[MODULE_NAME] = module
    if importlib.util.find_spec("pytest") is None:
        sys.modules["pytest"] = _pytest()


def collected(module: types.ModuleType, solution: Binder) -> Iterator[Callable[[], Any]]:
    """Every test of the module, in the order of definition."""
    fixtures = Fixtures(module, solution.patch)
    yield from _between(_hooks(module, "module", "Module"), _collected(module, fixtures))
    fixtures.close()


def _collected(module: types.ModuleType, fixtures: Fixtures) -> Iterator[Callable[[], Any]]:
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            yield from _cases(value)
        elif isinstance(value, type) and name.startswith("Test"):
            methods = {m: f for parent in reversed(value.__mro__) for m, f in vars(parent).items()}
            tests = (
                call for m in list(methods) if m.startswith("test") for call in _calls(methods[m], fixtures, value)
            )
            yield from _between(_hooks(value, "class"), tests)
        elif isinstance(value, types.FunctionType) and name.startswith("test"):
            yield from _calls(value, fixtures, None)


class _Hooks(NamedTuple):
    """What comes before the first test of a module or class, and what after its last."""

    before: Sequence[Callable[[], Any]]
    after: Sequence[Callable[[], Any]]


def _hooks(owner: Any, of: str, of_unittest: str = "") -> _Hooks:
    """`setup_module`, `tearDownModule` and the like, where they are there."""
    names = ([f"setup_{of}", f"setUp{of_unittest}"], [f"teardown_{of}", f"tearDown{of_unittest}"])
    count = 2 if of_unittest else 1
    before, after = ([functools.partial(_call_hook, owner, n, owner) for n in part[:count]] for part in names)
    return _Hooks(before, after)


def _between(hooks: _Hooks, tests: Iterator[Callable[[], Any]]) -> Iterator[Callable[[], Any]]:
    """The tests, the first with what comes before all of them, the last with what comes after."""
    before, test = hooks.before, next(tests, None)
    while test is not None:
        following = next(tests, None)
        yield functools.partial(_all_of, [*before, test, *([] if following else hooks.after)])
        test, before = following, []


def _all_of(calls: Sequence[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def _cases(kind: Any) -> Iterator[Callable[[], Any]]:
    """The tests of one class of unittest; what prepares the class is part of the first, what cleans up of the last."""
    cases = list(unittest.defaultTestLoader.loadTestsFromTestCase(kind))
    for index, case in enumerate(cases):
        yield functools.partial(_run_case, case, is_first=index == 0, is_last=index == len(cases) - 1)


def _run_case(case: Any, *, is_first: bool, is_last: bool) -> None:
    function = getattr(type(case), case.id().rpartition(".")[2])
    runs_coroutines = "IsolatedAsyncioTestCase" in [base.__name__ for base in type(case).__mro__]
    if not (runs_coroutines and inspect.iscoroutinefunction(function)):
        _refuse_what_never_runs(function)
    if is_first:
        case.setUpClass()
    result = unittest.TestResult()
    case.run(result)
    if is_last:
        case.tearDownClass()
        case.doClassCleanups()
    for _, trace in [*result.failures, *result.errors]:
        last = trace.strip().splitlines()[-1]
        raise AssertionError(last) if result.failures else RuntimeError(last)
    if result.skipped or result.unexpectedSuccesses:
        raise AssertionError("skipped" if result.skipped else "unexpected success")


def _refuse_what_never_runs(function: Any) -> None:
    """Raises AssertionError: calling such a function runs nothing of it, so that it would pass whatever it says."""
    for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        if kind(function):
            raise AssertionError(f"{kind.__name__[2:].removesuffix('function')} test: it is not run")


def _calls(function: Any, fixtures: Fixtures, owner: type | None) -> Iterator[Callable[[], Any]]:
    """One call for each combination of parameters."""
    rows: list[dict[str, Any]] = [{}]
    for of in (owner, function):
        for names, values in vars(of).get("parameters", []) if of else ():
            rows = [row | dict(zip(names, value, strict=True)) for row in rows for value in values]
    used = fixtures.for_test(function, owner)
    for of_fixtures in used.rows():
        for row in rows:
            yield functools.partial(_run_function, function, owner, used, of_fixtures, row)


def _run_function(
    function: Any, owner: type | None, used: FixturesOfTest, of_fixtures: dict[str, Any], row: dict[str, Any]
) -> None:
    instance: Any = owner() if owner else None
    call = getattr(instance, function.__name__) if owner else function
    hooked = instance if owner else sys.modules[function.__module__]
    kind = "method" if owner else "function"
    for name in (f"setup_{kind}", "setUp"):
        _call_hook(hooked, name, call)
    with used.values(of_fixtures, row, instance) as values:
        _runner(call, function)(**row, **values)
    _call_hook(hooked, f"teardown_{kind}", call)


def _call_hook(instance: Any, name: str, test: Any) -> None:
    """Call a hook such as `setup_method`, if it is there; it is given the test where it has a parameter."""
    hook = getattr(instance, name, None)
    if callable(hook):
        hook(*([test] if inspect.signature(hook).parameters else []))


def _runner(call: Callable[..., Any], function: Any) -> Callable[..., None]:
    """Calls the test, and lets what it returns not pass for a test that has run."""

    def run(**arguments: Any) -> None:
        if "is_for_asyncio" in vars(function):
            import asyncio  # which few tests need, and takes long

            asyncio.run(call(**arguments))
            return
        _refuse_what_never_runs(function)
        if inspect.isawaitable(call(**arguments)):
            raise AssertionError("coroutine test: it is not run")

    return run


def _pytest() -> types.ModuleType:
    module = types.ModuleType("pytest")
    vars(module).update(raises=_Raises, approx=_Approx, fixture=_fixture, mark=_Marks(), fail=_fail, skip=_skip)
    vars(module).update(param=_Param, warns=_warns, MonkeyPatch=MonkeyPatch, importorskip=_imported)
    return module


def _fixture(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    return Fixture(function) if function else functools.partial(Fixture, **options)


def _fail(reason: str = "", **options: Any) -> None:
    raise AssertionError(reason)


def _skip(reason: str = "", **options: Any) -> None:
    raise AssertionError("skipped")


def _imported(name: str, *_: Any, **options: Any) -> types.ModuleType:
    """`importorskip`: a test that is skipped counts as failed."""
    return importlib.import_module(name)


class _Param(tuple[Any, ...]):
    """One row of parameters, with marks that nothing is made of here."""

    def __new__(cls, *values: Any, **options: Any) -> "_Param":
        return super().__new__(cls, values)


@contextlib.contextmanager
def _warns(expected: Any = Warning, *, match: str | None = None) -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
    fitting = [w for w in caught if issubclass(w.category, expected)]
    if not any(match is None or re.search(match, str(w.message)) for w in fitting):
        raise AssertionError(f"no such warning as {expected}")


class _Raises:
    def __init__(self, expected: Any, *call: Any, match: str | None = None, **keywords: Any) -> None:
        self._expected, self._match = expected, match
        self.value: BaseException | None = None
        self.type: type[BaseException] | None = None
        if call:
            with self:
                call[0](*call[1:], **keywords)

    def __enter__(self) -> "_Raises":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            raise AssertionError(f"did not raise {self._expected}")
        if not isinstance(error, self._expected):
            return False
        self.value, self.type, self.tb = error, kind, trace
        return self._match is None or self.match(self._match)

    def match(self, pattern: str) -> bool:
        """Raises AssertionError when the exception's text does not match."""
        if not re.search(pattern, str(self.value)):
            raise AssertionError(f"{self.value} does not match {pattern!r}")
        return True


_NUMBERS: tuple[Any, ...] = (int, float, complex, decimal.Decimal)


class _Approx:
    """As pytest has it: an absolute tolerance that is given alone replaces the relative one."""

    def __init__(self, expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> None:
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._close(self._expected, actual)

    __hash__ = None  # type: ignore[assignment]

    def _close(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, dict):
            same = isinstance(actual, dict) and expected.keys() == actual.keys()
            return same and all(self._close(expected[key], actual[key]) for key in expected)
        if isinstance(expected, list | tuple):
            same = isinstance(actual, list | tuple) and len(expected) == len(actual)
            return same and all(map(self._close, expected, actual))
        if isinstance(expected, bool) or not isinstance(actual, _NUMBERS) or not isinstance(expected, _NUMBERS):
            return bool(expected == actual) and isinstance(actual, bool) >= isinstance(expected, bool)
        if math.isnan(abs(expected)):
            return self._nan_ok and math.isnan(abs(actual))
        if expected == actual or math.isinf(abs(expected)):
            return bool(expected == actual)
        return bool(abs(expected - actual) <= self._tolerance(expected))

    def _tolerance(self, expected: Any) -> Any:
        kind = decimal.Decimal if isinstance(expected, decimal.Decimal) else float
        absolute = kind("1e-12") if self._abs is None else self._abs
        if self._rel is None and self._abs is not None:
            return absolute
        relative = (kind("1e-6") if self._rel is None else self._rel) * abs(expected)
        if absolute < 0 or relative < 0 or math.isnan(absolute) or math.isnan(relative):
            raise ValueError("a tolerance can't be negative or NaN")
        return max(relative, absolute)


class _Marks:
    def parametrize(self, names: str | Sequence[str], values: Sequence[Any], **options: Any) -> Any:
        """Keep the rows beside the function, to be called with each."""
        listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        rows = [value if len(listed) > 1 or isinstance(value, _Param) else (value,) for value in values]

        def decorate(function: Any) -> Any:
            function.parameters = [*vars(function).get("parameters", []), (listed, rows)]
            return function

        return decorate

    def asyncio(self, function: Any = None, **options: Any) -> Any:
        """Have the coroutine run, as pytest does with the plugin of that name."""
        if function is None:
            return self.asyncio
        function.is_for_asyncio = True
        return function

    anyio = asyncio

    def usefixtures(self, *names: str) -> Any:
        """Keep their names beside the function or class."""

        def decorate(function: Any) -> Any:
            function.used_fixtures = [*vars(function).get("used_fixtures", ()), *names]
            return function

        return decorate

    def __getattr__(self, name: str) -> Any:
        def ignored(*arguments: Any, **options: Any) -> Any:
            return arguments[0] if arguments and isinstance(arguments[0], types.FunctionType | type) else lambda f: f

        return ignored
