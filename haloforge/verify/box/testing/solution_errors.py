"""Exceptions of the solution, rebuilt in the tests' process as local classes of the same names and parents."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

MAX_TEXT = 500
"""Characters of any text that the solution tells about itself."""
MAX_CLASSES = 50
"""Classes of one exception that are rebuilt."""


class SolutionGone(BaseException):
    """The solution's process ended, or broke the protocol, before its tests did."""


class FromSolution:
    """Mixed into every exception that the solution raised; attributes that its builtin parents lack are asked for."""

    solution_line: int | None = None
    solution_message: str | None = None
    solution_object: Any = None
    """A proxy for the exception itself."""
    construct: Callable[..., Any] | None = None
    """How tests make one of a class that the solution defines: the solution makes its own beside it."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if self.construct is None:
            super().__init__(*arguments, **keywords)
            return
        made = self.construct(*arguments, **keywords)
        self.solution_object, self.solution_message = made.solution_object, made.solution_message
        self.args = tuple(made.args)

    def __str__(self) -> str:
        return super().__str__() if self.solution_message is None else self.solution_message

    def __getattr__(self, name: str) -> Any:
        if (name.startswith("_") and name != "__notes__") or self.solution_object is None:
            raise AttributeError(name)
        return getattr(self.solution_object, name)


class StoppedIteration(FromSolution, RuntimeError):
    """StopIteration out of a call. As itself it would end a loop over the tests' inputs, and pass what is left."""


StoppedIteration.__name__ = StoppedIteration.__qualname__ = "StopIteration"


class ExitedBySolution(FromSolution, SystemExit):
    """SystemExit out of a call, for tests that expect it; for all others the solution is gone."""


class InterruptedBySolution(FromSolution, KeyboardInterrupt):
    """The same for KeyboardInterrupt."""


EXITS: dict[str, type[FromSolution]] = {"SystemExit": ExitedBySolution, "KeyboardInterrupt": InterruptedBySolution}
for _name, _kind in EXITS.items():
    _kind.__name__ = _kind.__qualname__ = _name


class ExceptionClasses:
    """Local classes for those of the solution, so that the tests' `except` clauses mean what they say."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], type] = {}

    def of(self, names: Sequence[Any]) -> Any:
        """The class for these names: its own first, then those of its parents."""
        key = class_names(names)
        if key not in self._known:
            base = _builtin_exception(key[0])
            parents: tuple[type, ...] = (FromSolution, base) if base else (self.of(key[1:]),)
            self._known[key] = type(key[0], parents, {"__module__": "builtins" if base else "solution"})
        return self._known[key]

    def made_by_tests(self, names: Sequence[Any], construct: Callable[..., Any]) -> Any:
        """The class for these names, of which tests may make instances by calling it."""
        kind = self.of(names)
        kind.construct = staticmethod(construct)
        return kind

    def rebuilt(self, names: Sequence[str], arguments: Sequence[Any]) -> Any:
        """An exception of that class with these arguments, set up as its builtin parent does it (`errno`, `code`)."""
        kind = self.of(names)
        base = next(b for name in names if (b := _builtin_exception(name)))
        try:
            error = kind.__new__(kind, *arguments)
            base.__init__(error, *arguments)
        except TypeError:  # a class of its own with other arguments than those of its parent
            error = kind.__new__(kind)
        error.args = tuple(arguments)
        return error


def note_failure(report: dict[str, Any], error: dict[str, Any]) -> None:
    """Write into the report that the solution's module raised this error while it was loaded."""
    report |= {"failure": "load", "detail": _described(error), "classes": class_names(error["classes"])}


def class_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Names of an exception's class and its parents, as the solution tells them, cut to what is allowed."""
    return tuple(str(name)[:MAX_TEXT] for name in names[:MAX_CLASSES])


def _described(error: dict[str, Any]) -> str:
    line = f" (solution line {error['line']})" if error.get("line") else ""
    return f"{error['classes'][0]}: {error['message']}{line}"[:MAX_TEXT]


def _builtin_exception(name: str) -> type[Exception] | None:
    value = vars(builtins).get(name)
    return value if isinstance(value, type) and issubclass(value, Exception) else None
