"""Exceptions of the solution, rebuilt in the tests' process as local classes of the same names and parents."""

import builtins
from collections.abc import Sequence
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

    def __str__(self) -> str:
        return super().__str__() if self.solution_message is None else self.solution_message

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self.solution_object is None:
            raise AttributeError(name)
        return getattr(self.solution_object, name)


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
            self._known[key] = type(key[0], parents, {})
        return self._known[key]


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
