"""Fixtures, as pytest has them: values that tests ask for by names of parameters, and what follows the test."""

import contextlib
import functools
import inspect
import io
import os
import pathlib
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .logs import CapturedLogs

_MISSING = object()
Patch = Callable[..., Any]
"""Changes something around the solution, where that is in another process."""


class Fixture:
    """A function that makes a value; it returns it, or yields it and goes on after the test."""

    def __init__(self, function: Callable[..., Any], params: Any = None, autouse: bool = False, **options: Any) -> None:
        self.function = function
        self.params = list(params) if params is not None else None
        self.autouse = autouse
        self.is_kept = options.get("scope", "function") not in ("function", "class")
        """Whether one value serves all tests."""
        self.name = options.get("name") or function.__name__


class Fixtures:
    """The fixtures of a module, and the values of those that serve all its tests."""

    def __init__(self, module: types.ModuleType, patch: Patch) -> None:
        found = [value for value in vars(module).values() if isinstance(value, Fixture)]
        built_in = BUILT_IN | {name: functools.partial(make, patch) for name, make in _PATCHING.items()}
        self._known = {name: Fixture(make, name=name) for name, make in built_in.items()}
        self._known |= {fixture.name: fixture for fixture in found}
        self._kept: dict[tuple[str, Any], Any] = {}
        self._at_the_end = contextlib.ExitStack()

    def close(self) -> None:
        """What follows the last test."""
        self._at_the_end.close()

    def for_test(self, function: Any, owner: type | None) -> "FixturesOfTest":
        """Those that one test function uses: by its parameters, by a mark, or because they serve every test."""
        known = dict(self._known)
        for parent in reversed(owner.__mro__ if owner else ()):
            known |= {value.name: value for value in vars(parent).values() if isinstance(value, Fixture)}
        marked = [name for of in (owner, function) if of for name in vars(of).get("used_fixtures", ())]
        automatic = [name for name, fixture in known.items() if fixture.autouse]
        parameters = [name for name in inspect.signature(function).parameters if name in known]
        return FixturesOfTest(self, known, [*automatic, *marked], parameters)

    def kept(self, key: tuple[str, Any], make: Callable[[contextlib.ExitStack], Any]) -> Any:
        """The value that serves all tests, made when the first asks for it."""
        if key not in self._kept:
            self._kept[key] = make(self._at_the_end)
        return self._kept[key]


class FixturesOfTest:
    """The fixtures that one test uses."""

    def __init__(self, module: Fixtures, known: Mapping[str, Fixture], used: list[str], parameters: list[str]) -> None:
        self._module = module
        self._known = known
        self._used = used
        self._parameters = parameters

    def rows(self) -> list[dict[str, Any]]:
        """One row for each combination of the parameters of these fixtures and of those that they use."""
        rows: list[dict[str, Any]] = [{}]
        for name in self._all([*self._used, *self._parameters], {}):
            params = self._known[name].params
            if params is not None:
                rows = [row | {name: param} for row in rows for param in params]
        return rows

    def _all(self, names: list[str], seen: dict[str, None]) -> dict[str, None]:
        for name in names:
            if name in self._known and name not in seen:
                self._all(list(inspect.signature(self._known[name].function).parameters), seen)
                seen[name] = None
        return seen

    @contextlib.contextmanager
    def values(self, row: Mapping[str, Any], given: Mapping[str, Any], instance: Any) -> Iterator[dict[str, Any]]:
        """The arguments of the test; what follows it is done at the end. `given`: what parametrisation says."""
        made: dict[str, Any] = {}
        with contextlib.ExitStack() as after:
            for name in self._used:
                self._value(name, made, row, instance, after)
            names = [name for name in self._parameters if name not in given]
            yield {name: self._value(name, made, row, instance, after) for name in names}

    def _value(
        self, name: str, made: dict[str, Any], row: Mapping[str, Any], instance: Any, after: contextlib.ExitStack
    ) -> Any:
        if name not in made:
            fixture = self._known[name]

            def make(stack: contextlib.ExitStack) -> Any:
                return self._made(fixture, made, row, instance, stack)

            key = (name, repr(row.get(name)))
            made[name] = self._module.kept(key, make) if fixture.is_kept else make(after)
        return made[name]

    def _made(
        self, fixture: Fixture, made: dict[str, Any], row: Mapping[str, Any], instance: Any, after: contextlib.ExitStack
    ) -> Any:
        needed = list(inspect.signature(fixture.function).parameters)
        bound = [instance] if needed[:1] == ["self"] else []
        arguments: dict[str, Any] = {}
        for name in needed[len(bound) :]:
            if name == "request":
                arguments[name] = types.SimpleNamespace(param=row.get(fixture.name), addfinalizer=after.callback)
            else:
                arguments[name] = self._value(name, made, row, instance, after)
        value = fixture.function(*bound, **arguments)
        if not inspect.isgenerator(value):
            return value
        after.callback(functools.partial(next, value, None))
        return next(value)


class MonkeyPatch:
    """Changes that are undone after the test."""

    def __init__(self, patch: Patch = lambda *_: None) -> None:
        self._undo = contextlib.ExitStack()
        self._patch = patch

    def setattr(self, target: Any, name: Any, value: Any = _MISSING, raising: bool = True) -> None:
        """`target` may be the dotted name of an attribute; then `name` is its new value."""
        if isinstance(target, str):
            module, _, attribute = target.rpartition(".")
            target, name, value = sys.modules[module], attribute, name
        if not hasattr(target, name):
            if raising:
                raise AttributeError(name)
            self._undo.callback(delattr, target, name)
        else:
            self._undo.callback(setattr, target, name, getattr(target, name))
        setattr(target, name, value)

    def delattr(self, target: Any, name: str, raising: bool = True) -> None:
        """Take an attribute away."""
        if hasattr(target, name) or raising:
            self._undo.callback(setattr, target, name, getattr(target, name))
            delattr(target, name)

    def setitem(self, target: Any, key: Any, value: Any) -> None:
        """Set an item of a dictionary."""
        self._remember(target, key)
        target[key] = value

    def delitem(self, target: Any, key: Any, raising: bool = True) -> None:
        """Take an item of a dictionary away."""
        if key in target or raising:
            self._remember(target, key)
            del target[key]

    def _remember(self, target: Any, key: Any) -> None:
        if key in target:
            self._undo.callback(target.__setitem__, key, target[key])
        else:
            self._undo.callback(target.pop, key, None)

    def setenv(self, name: str, value: Any, prepend: str | None = None) -> None:
        """Set a variable of the environment."""
        old = os.environ.get(name)
        new = f"{value}{prepend}{old}" if prepend and old else str(value)
        self.setitem(os.environ, name, new)
        self._undo.callback(self._patch, "environ", name, old)
        self._patch("environ", name, new)

    def delenv(self, name: str, raising: bool = True) -> None:
        """Take a variable of the environment away."""
        self._undo.callback(self._patch, "environ", name, os.environ.get(name))
        self.delitem(os.environ, name, raising)
        self._patch("environ", name, None)

    def chdir(self, path: Any) -> None:
        """Work in another folder."""
        self._undo.callback(os.chdir, os.getcwd())
        os.chdir(path)

    def syspath_prepend(self, path: Any) -> None:
        """Import from another folder first."""
        self._undo.callback(sys.path.remove, str(path))
        sys.path.insert(0, str(path))

    def undo(self) -> None:
        """Undo everything."""
        self._undo.close()

    @contextlib.contextmanager
    def context(self) -> Iterator["MonkeyPatch"]:
        """Changes that are undone at the end of the block."""
        patch = MonkeyPatch()
        try:
            yield patch
        finally:
            patch.undo()


class Captured:
    """What was printed since this was asked last."""

    def __init__(self, patch: Patch) -> None:
        self._streams = io.StringIO(), io.StringIO()
        self._patch = patch

    def readouterr(self) -> Any:
        """The two texts, `out` and `err`."""
        printed = self._patch("captured")
        out, err = (text + stream.getvalue() for text, stream in zip(printed, self._streams, strict=True))
        for stream in self._streams:
            stream.seek(0)
            stream.truncate()
        return _Texts(out=out, err=err)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Take what is printed meanwhile."""
        self._patch("capture")
        with contextlib.redirect_stdout(self._streams[0]), contextlib.redirect_stderr(self._streams[1]):
            yield
        self._patch("release")


class _Texts(types.SimpleNamespace):
    def __iter__(self) -> Iterator[str]:
        return iter((self.out, self.err))


def _monkeypatch(change: Patch) -> Iterator[MonkeyPatch]:
    patch = MonkeyPatch(change)
    try:
        yield patch
    finally:
        patch.undo()


def _capsys(change: Patch) -> Iterator[Captured]:
    captured = Captured(change)
    with captured.running():
        yield captured


def _caplog() -> Iterator[Any]:
    with CapturedLogs().running() as captured:
        yield captured


def _tmp_path() -> pathlib.Path:
    return pathlib.Path(tempfile.mkdtemp(prefix="test-"))


def _tmp_path_factory() -> Any:
    return types.SimpleNamespace(mktemp=lambda name, numbered=True: pathlib.Path(tempfile.mkdtemp(prefix=name)))


_PATCHING: dict[str, Callable[..., Any]] = {"monkeypatch": _monkeypatch, "capsys": _capsys, "capfd": _capsys}
BUILT_IN: dict[str, Callable[..., Any]] = {
    "caplog": _caplog,
    "tmp_path": _tmp_path,
    "tmpdir": _tmp_path,
    "tmp_path_factory": _tmp_path_factory,
}
