"""Stand-ins, in the tests' process, for the functions, classes and objects of a solution.

A stand-in never decides a comparison with a value of the tests: it equals no plain value, and `in` asks it for its
items one by one. Where tests leave a judgement to the solution's own objects (two of them compared, a method of a
returned object called with test data), the verdict is marked as forgeable.
"""

import builtins
import collections
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

from ..protocol import codec
from ..protocol.wire import Channel, Closed
from . import callbacks as lent


class SolutionGone(BaseException):
    """The solution's process ended, or broke the protocol, before its tests did."""


class FromSolution:
    """Mixed into every exception that the solution raised; what it has beyond its builtin parents is asked for."""

    solution_line: int | None = None
    solution_message: str | None = None
    solution_object: "Handle | None" = None

    def __str__(self) -> str:
        return super().__str__() if self.solution_message is None else self.solution_message

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self.solution_object is None:
            raise AttributeError(name)
        return getattr(self.solution_object, name)


LONGEST_LINE = 500
"""Characters of any text that the solution tells about itself."""

_NO_MESSAGE = (Closed, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What comes of taking a message apart that no honest solution sends."""


class Solution:
    """The other process. Counts the calls; a verdict without one says nothing about the solution."""

    def __init__(
        self, channel: Channel, report: dict[str, Any], entry_point: str | None, foreseen: Sequence[list[Any]]
    ) -> None:
        """`foreseen`: encoded arguments of the calls of the entry point that will be made, in this order."""
        self.calls = 0
        self.gone = ""
        """Why it answers no more; empty while it does."""
        self._channel = channel
        self._report = report
        self._entry_point = entry_point
        self._foreseen = foreseen
        self._foreseen_made = 0
        self._foreseen_from = 0
        """Number of the first of the foreseen calls; 0 until they have been sent."""
        self._passed_over = range(0)
        """Numbers of foreseen calls that were sent, but will not be waited for."""
        self._sent: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._exceptions: dict[tuple[str, ...], type] = {}
        self._sequence = 0

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Names that the solution defines and their kinds; None (and `failure` in the report) when it did not load.

        Raises SolutionGone for a message that is none.
        """
        try:
            while (message := self._channel.receive()).keys() == {"warnings"}:
                self._report["warnings"] = [str(warning)[:LONGEST_LINE] for warning in message["warnings"][:20]]
            if "ready" in message:
                return {str(name): str(kind) for name, kind in message["ready"].items()}
            if "syntax" in message:
                self._report |= {"failure": "syntax", "detail": str(message["syntax"])[:LONGEST_LINE]}
            else:
                note_failure(self._report, message["failed"])
        except _NO_MESSAGE as error:
            raise SolutionGone(f"{type(error).__name__}: {error}"[:200]) from None
        return None

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a global name of the solution. Raises ImportError for a module that is not here."""
        if kind.startswith("module:"):
            return _module(kind.removeprefix("module:"))
        if kind == "value":
            return self.ask("global", name, ())
        if kind == "exception":
            return self._exception_class(self.ask("mro", name, ()))
        return Handle(self, name, {"class": kind, "kind": kind}, made=True)

    def ask(
        self, operation: str, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None
    ) -> Any:
        """One operation in the solution's process. Raises what it raised, SolutionGone if it no longer answers."""
        self.calls += 1
        try:
            return self._asked(operation, target, arguments, keywords or {})
        except SolutionGone as error:
            self.gone = self.gone or str(error)
            raise

    def _asked(self, operation: str, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        sent = [codec.encode(a, self._export) for a in arguments]
        named = {name: codec.encode(a, self._export) for name, a in keywords.items()}
        try:
            mine = self._question(operation, target, sent, named)
            outcome, *body = self._answer_to(mine)
            if outcome == "error":
                raise self._raised(body[0], operation)
            if outcome == "last":
                self._foreseen = ()
            value, changed = body
            _write_back(arguments, [(int(i), codec.decode(v, self._found)) for i, v in changed])
            if changed and value is not None:
                self._report["changed_and_returned"] = True
            return arguments[value["argument"]] if _is_argument(value) else codec.decode(value, self._found)
        except _NO_MESSAGE as error:
            if isinstance(error, FromSolution):
                raise
            raise SolutionGone(f"{type(error).__name__}: {error}"[:200]) from None

    def _question(self, operation: str, target: Any, sent: list[Any], named: dict[str, Any]) -> int:
        """Send it and return its number; foreseen calls have been sent with the first of them."""
        made = self._foreseen_made
        called = operation == "call" and target == self._entry_point and not named
        if called and made < len(self._foreseen) and sent == self._foreseen[made]:
            if not self._foreseen_from:
                self._foreseen_from = self._sequence + 1
                self._sequence += len(self._foreseen)
                self._channel.send([self._foreseen_from, "calls", target, self._foreseen])
            self._foreseen_made += 1
            return self._foreseen_from + made
        if self._foreseen_from and self._foreseen:  # not as foreseen: from here on one by one
            self._passed_over = range(self._foreseen_from + made, self._foreseen_from + len(self._foreseen))
            self._foreseen = ()
        self._sequence += 1
        self._channel.send([self._sequence, operation, target, sent, named])
        return self._sequence

    def _answer_to(self, mine: int) -> list[Any]:
        """Lets the solution ask in between, and passes over answers to foreseen calls that were not made after all."""
        while True:
            message: list[Any] = self._channel.receive()
            number, *answer = message
            if answer[0] == "ask":
                self._channel.send(self._answered(*answer[1]))
                continue
            if number == mine:
                return answer
            if number not in self._passed_over:
                raise SolutionGone("an answer to a question that was not asked")
            self._passed_over = range(number + 1, self._passed_over.stop)

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""
        self._report["forgeable"] = True

    def _raised(self, told: dict[str, Any], operation: str) -> Any:
        classes = _names(told["classes"])
        if "Exception" not in classes:
            return SolutionGone(f"the solution raised {classes[0]}")
        if "StopIteration" in classes:
            if operation == "next":
                return StopIteration()
            classes = ("RuntimeError", "Exception")  # else it would end a loop over the tests' inputs
        kind = self._exception_class(classes)
        error = kind.__new__(kind)  # not kind(message): some exceptions want other arguments
        error.args = tuple(codec.decode(told["args"], self._found))
        error.solution_message = str(told["message"])
        error.solution_object = self._found(told["object"])
        error.solution_line = told["line"] if isinstance(told["line"], int) else None
        return error

    def _exception_class(self, classes: list[str] | tuple[str, ...]) -> Any:
        """A local class of the same name and parents, so that the tests' `except` clauses mean what they say."""
        key = _names(classes)
        if key not in self._exceptions:
            base = _builtin_exception(key[0])
            parents: tuple[type, ...] = (FromSolution, base) if base else (self._exception_class(key[1:]),)
            self._exceptions[key] = type(key[0], parents, {})
        return self._exceptions[key]

    def _export(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Handle):
            return {"home": value._target}
        number = self._numbers.setdefault(id(value), len(self._sent))
        if number == len(self._sent):
            self._sent.append(value)
        return {"handle": number}

    def _found(self, handle: dict[str, Any]) -> Any:
        if "home" in handle:
            return self._sent[handle["home"]]
        stand_in = Handle(self, int(handle["handle"]), handle, made=False)
        return (
            _with_plain_value(handle, codec.decode(handle["plain"], self._found), stand_in)
            if "plain" in handle
            else stand_in
        )

    def _answered(self, operation: str, home: int, arguments: list[Any]) -> list[Any]:
        """Let the solution use a function or an object that the tests passed to it, and nothing that hangs on it."""
        subject = self._sent[home]
        args = [codec.decode(a, self._found) for a in arguments]
        try:
            return ["answer", codec.encode(lent.use(operation, subject, args), self._export)]
        except Exception as error:  # noqa: BLE001 - the solution hears of it, nobody else
            return ["refused", f"{type(error).__name__}: {error}"[:200]]


def note_failure(report: dict[str, Any], error: dict[str, Any]) -> None:
    """The solution's module raised this while it was loaded."""
    report |= {"failure": "load", "detail": _told(error), "classes": _names(error["classes"])}


def _names(classes: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Of an exception's class and its parents."""
    return tuple(str(name)[:LONGEST_LINE] for name in classes[:50])


def _told(error: dict[str, Any]) -> str:
    line = f" (solution line {error['line']})" if error.get("line") else ""
    return f"{error['classes'][0]}: {error['message']}{line}"[:LONGEST_LINE]


def _module(name: str) -> types.ModuleType:
    """The real one, if it is loaded here; the solution only says that it has it, and nothing is loaded at its word."""
    top = name.partition(".")[0]
    if name not in sys.modules or not (top in sys.stdlib_module_names or top == "numpy") or top == "__main__":
        raise ImportError(name)
    return sys.modules[name]


def _is_argument(value: Any) -> bool:
    return type(value) is dict and "argument" in value


def _builtin_exception(name: str) -> type[Exception] | None:
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _write_back(arguments: tuple[Any, ...], changed: list[tuple[int, Any]]) -> None:
    """Repeat in the tests' own objects what the solution changed in its copies."""
    for index, value in changed:
        mine = arguments[index]
        if type(mine) is not type(value) or type(mine) not in codec.MUTABLE:
            raise TypeError("no such argument can be changed")
        if isinstance(mine, list | bytearray):
            mine[:] = value
        else:
            mine.clear()
            (mine.extend if isinstance(mine, collections.deque) else mine.update)(value)


class Handle:
    """An object, function or class of the solution. `_made` tells those that the tests constructed or named."""

    def __init__(self, solution: Solution, target: str | int, told: dict[str, Any], *, made: bool) -> None:
        object.__setattr__(self, "_solution", solution)
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_told", told)
        object.__setattr__(self, "_made", made)
        object.__setattr__(self, "_method", False)
        object.__setattr__(self, "_seen", False)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._solution.ask(operation, self._target, arguments)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        result = self._solution.ask("call", self._target, arguments, keywords)
        if self._method and not self._made and (arguments or keywords or result is True):
            self._solution.mark_forgeable()
        if isinstance(result, Handle) and self._told["kind"] == "class":
            object.__setattr__(result, "_made", True)
        return result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # numpy, copy and typing ask for such, and obey the answer
        result = self._ask("get", name)
        if isinstance(result, Handle):
            object.__setattr__(result, "_method", True)
            object.__setattr__(result, "_made", self._made)
        return result

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, Handle):
            return False
        return other is self or self._compare("eq", other)

    def __lt__(self, other: object) -> Any:
        return self._compare("lt", other)

    def __le__(self, other: object) -> Any:
        return self._compare("le", other)

    def __gt__(self, other: object) -> Any:
        return self._compare("gt", other)

    def __ge__(self, other: object) -> Any:
        return self._compare("ge", other)

    def __add__(self, other: object) -> Any:
        return self._compare("add", other)

    def __sub__(self, other: object) -> Any:
        return self._compare("sub", other)

    def __mul__(self, other: object) -> Any:
        return self._compare("mul", other)

    def _look(self, operation: str, *arguments: Any) -> Any:
        """What it holds; an object that a function returned may show one thing now and another at the next look."""
        found = self._ask(operation, *arguments)
        if self._seen and not self._made:
            self._solution.mark_forgeable()
        object.__setattr__(self, "_seen", True)
        return found

    def _compare(self, operation: str, other: object) -> Any:
        if not isinstance(other, Handle):
            return NotImplemented
        self._solution.mark_forgeable()
        return self._ask(operation, other)

    def __hash__(self) -> int:
        return hash(("solution", self._target))

    def __bool__(self) -> bool:
        return bool(self._ask("bool"))

    def __len__(self) -> int:
        return int(self._look("len"))

    def __iter__(self) -> Iterator[Any]:
        return self._look("iter")  # type: ignore[no-any-return]

    def __next__(self) -> Any:
        return self._ask("next")

    def __getitem__(self, key: Any) -> Any:
        return self._look("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("put", key, value)

    def __delitem__(self, key: Any) -> None:
        self._ask("drop", key)

    def __contains__(self, item: object) -> bool:
        if not self._made:
            self._solution.mark_forgeable()  # it may go on until it comes to that item
        return any(item is mine or item == mine for mine in self)

    def __str__(self) -> str:
        return str(self._ask("str"))

    def __repr__(self) -> str:
        return str(self._ask("repr"))

    def __enter__(self) -> Any:
        return self._ask("enter")

    def __exit__(self, *error: object) -> None:
        self._ask("exit")

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Handle | _Plain) and bool(self._ask("isinstance", value))

    def __subclasscheck__(self, value: object) -> bool:
        return isinstance(value, Handle) and bool(self._ask("issubclass", value))

    def __copy__(self) -> Any:
        return self._ask("copy")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._ask("deepcopy")

    @property
    def __name__(self) -> str:
        return str(self._ask("get", "__name__"))


def same(left: Any, right: Any) -> bool:
    """`left is right`, for the tests; about two of its own objects the solution is asked."""
    if isinstance(left, Handle) and isinstance(right, Handle) and left is not right:
        return bool(left._compare("is", right))
    return left is right


class _Plain:
    """Mixed into plain values whose class is the solution's own (a named tuple, a subclass of dict)."""

    def __getattr__(self, name: str) -> Any:
        if name == "_handle" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._handle, name)


def _with_plain_value(told: dict[str, Any], value: Any, handle: Handle) -> Any:
    """The plain value, with the attributes of the solution's object behind it where the tests ask for more."""
    base = type(value)
    if base not in codec.PLAIN_BASES:
        return value
    copy = type(str(told["class"]), (_Plain, base), {})(value)
    copy._handle = handle
    return copy
