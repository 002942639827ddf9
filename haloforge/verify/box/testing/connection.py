"""The way from the tests to the solution's process: requests out, claimed values back."""

import collections
import sys
import types
from collections.abc import Sequence
from typing import Any

from ..protocol import codec
from ..protocol.wire import Channel, Closed, TooLong
from . import callbacks
from .proxies import SolutionProxy, plain_value
from .solution_errors import MAX_TEXT, ExceptionClasses, FromSolution, SolutionGone, class_names, note_failure

MAX_WARNINGS = 20
"""Warnings of one compilation that are kept."""
MAX_REASON = 200
"""Characters that say why a request failed."""
_MALFORMED = (Closed, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What taking apart a message raises when no honest solution sends that message."""


class Connection:
    """The solution in the other process. Counts the calls: a verdict without one says nothing about the solution."""

    def __init__(
        self, channel: Channel, report: dict[str, Any], entry_point: str | None, batched_calls: Sequence[list[Any]]
    ) -> None:
        """`batched_calls`: encoded arguments of the calls of the entry point that will be made, in this order."""
        self.calls = 0
        self.gone = ""
        """Why it answers no more; empty while it does."""
        self._channel = channel
        self._report = report
        self._batch = _Batch(entry_point, batched_calls)
        self._sent: list[Any] = []
        """Objects of the tests that the solution holds proxies for, by number."""
        self._numbers: dict[int, int] = {}
        """The number of each such object, by its id."""
        self._exceptions = ExceptionClasses()
        self._last_number = 0
        """Number of the last request that was sent."""

    def wait_until_loaded(self) -> dict[str, str] | None:
        """Names that the solution defines and their kinds; None (and `failure` in the report) when it did not load.

        Raises SolutionGone for a message that no honest solution sends.
        """
        try:
            while (message := self._channel.receive()).keys() == {"warnings"}:
                self._report["warnings"] = [str(warning)[:MAX_TEXT] for warning in message["warnings"][:MAX_WARNINGS]]
            if "ready" in message:
                return {str(name): str(kind) for name, kind in message["ready"].items()}
            if "syntax" in message:
                self._report |= {"failure": "syntax", "detail": str(message["syntax"])[:MAX_TEXT]}
            else:
                note_failure(self._report, message["failed"])
        except _MALFORMED as error:
            raise self._refused(error) from None
        return None

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a global name of the solution. Raises ImportError for a module that is not here."""
        if kind.startswith("module:"):
            return _module(kind.removeprefix("module:"))
        if kind == "value":
            return self.ask("global", name, ())
        if kind == "exception":
            return self._exceptions.of(self.ask("mro", name, ()))
        return SolutionProxy(self, name, {"class": kind, "kind": kind}, is_of_tests=True)

    def ask(
        self, operation: str, target: str | int, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None
    ) -> Any:
        """One operation in the solution's process. Raises what it raised, SolutionGone if it no longer answers."""
        self.calls += 1
        try:
            return self._asked(operation, target, arguments, keywords or {})
        except SolutionGone as error:
            self.gone = self.gone or str(error)
            raise

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""
        self._report["forgeable"] = True

    def _asked(self, operation: str, target: str | int, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        sent = [codec.encode(a, self._export) for a in arguments]
        named = {name: codec.encode(a, self._export) for name, a in keywords.items()}
        try:
            number = self._send(operation, target, sent, named)
            outcome, *body = self._answer_to(number)
            if outcome == "error":
                raise self._rebuilt(body[0], operation)
            if outcome == "last":
                self._batch.forget()
            value, changed = body
            _write_back(arguments, [(int(i), codec.decode(v, self._resolve)) for i, v in changed])
            if changed and value is not None:
                self._report["changed_and_returned"] = True
            return arguments[value["argument"]] if _is_argument(value) else codec.decode(value, self._resolve)
        except _MALFORMED as error:
            if isinstance(error, FromSolution):
                raise
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SolutionGone:
        """What ends a session in which the solution sent what is not taken."""
        self._report["flooded"] = isinstance(error, TooLong | codec.TooLarge)
        return SolutionGone(_reason(error))

    def _send(self, operation: str, target: str | int, sent: list[Any], named: dict[str, Any]) -> int:
        """Send the request and return its number; batched calls have been sent with the first of them."""
        batch = self._batch
        if operation == "call" and not named and batch.is_next(target, sent):
            if not batch.first_number:
                batch.first_number = self._last_number + 1
                self._last_number += len(batch.calls)
                self._channel.send([batch.first_number, "calls", target, batch.calls])
            return batch.take()
        batch.break_off()
        self._last_number += 1
        self._channel.send([self._last_number, operation, target, sent, named])
        return self._last_number

    def _answer_to(self, number: int) -> list[Any]:
        """Lets the solution ask in between, and skips answers to batched calls that were not made after all."""
        while True:
            message: list[Any] = self._channel.receive()
            answered, *answer = message
            if answer[0] == "ask":
                self._channel.send(self._used(*answer[1]))
                continue
            if answered == number:
                return answer
            if not self._batch.skips(answered):
                raise SolutionGone("an answer to a question that was not asked")

    def _rebuilt(self, error_row: dict[str, Any], operation: str) -> Any:
        """The exception that the solution says it raised, as one of our own classes."""
        names = class_names(error_row["classes"])
        if "Exception" not in names:
            return SolutionGone(f"the solution raised {names[0]}")
        if "StopIteration" in names:
            if operation == "next":
                return StopIteration()
            names = ("RuntimeError", "Exception")  # else it would end a loop over the tests' inputs
        kind = self._exceptions.of(names)
        error = kind.__new__(kind)  # not kind(message): some exceptions want other arguments
        error.args = tuple(codec.decode(error_row["args"], self._resolve))
        error.solution_message = str(error_row["message"])
        error.solution_object = self._resolve(error_row["object"])
        error.solution_line = error_row["line"] if isinstance(error_row["line"], int) else None
        return error

    def _export(self, value: Any) -> dict[str, Any]:
        """The handle by which the solution knows this object; an object of its own goes home under its own number."""
        if isinstance(value, SolutionProxy):
            return {"home": value._target}
        number = self._numbers.setdefault(id(value), len(self._sent))
        if number == len(self._sent):
            self._sent.append(value)
        return {"handle": number}

    def _resolve(self, handle: dict[str, Any]) -> Any:
        """The object that a handle stands for: one of ours that comes home, or a proxy for one of the solution's."""
        if "home" in handle:
            return self._sent[handle["home"]]
        proxy = SolutionProxy(self, int(handle["handle"]), handle, is_of_tests=False)
        if "plain" not in handle:
            return proxy
        return plain_value(codec.decode(handle["plain"], self._resolve), str(handle["class"]), proxy)

    def _used(self, operation: str, number: int, arguments: list[Any]) -> list[Any]:
        """Let the solution use a function or an object that the tests passed to it; answers with the result."""
        subject = self._sent[number]
        args = [codec.decode(a, self._resolve) for a in arguments]
        try:
            return ["answer", codec.encode(callbacks.use(operation, subject, args), self._export)]
        except Exception as error:  # noqa: BLE001 - the solution hears of it, nobody else
            return ["refused", _reason(error)]


class _Batch:
    """The calls of the entry point that are sent in one message, and how far the tests have come with them."""

    def __init__(self, entry_point: str | None, calls: Sequence[list[Any]]) -> None:
        self.calls = calls
        """Encoded arguments of each; empty when nothing is batched, or no longer."""
        self.first_number = 0
        """Number of the request that is the first of these calls; 0 until they have been sent."""
        self._entry_point = entry_point
        self._taken = 0
        self._unwanted = range(0)
        """Numbers of calls that were sent, but whose answers nobody waits for."""

    def is_next(self, target: str | int, arguments: list[Any]) -> bool:
        """Whether the tests make the very call that comes next in the batch."""
        return self._taken < len(self.calls) and target == self._entry_point and arguments == self.calls[self._taken]

    def take(self) -> int:
        """The number of the next call, which the tests make now."""
        self._taken += 1
        return self.first_number + self._taken - 1

    def break_off(self) -> None:
        """The tests do something else: from here on they ask one by one."""
        if self.first_number and self.calls:
            self._unwanted = range(self.first_number + self._taken, self.first_number + len(self.calls))
            self.forget()

    def forget(self) -> None:
        """No further call is taken from the batch."""
        self.calls = ()

    def skips(self, number: int) -> bool:
        """Whether this answers a batched call that was not made after all. Each is skipped once, in order."""
        if number not in self._unwanted:
            return False
        self._unwanted = range(number + 1, self._unwanted.stop)
        return True


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_REASON]


def _module(name: str) -> types.ModuleType:
    """The real module, if it is loaded here. The solution only says that it has it; nothing is loaded at its word."""
    top = name.partition(".")[0]
    if name not in sys.modules or not (top in sys.stdlib_module_names or top == "numpy") or top == "__main__":
        raise ImportError(name)
    return sys.modules[name]


def _is_argument(value: Any) -> bool:
    return type(value) is dict and "argument" in value


def _write_back(arguments: tuple[Any, ...], changed: list[tuple[int, Any]]) -> None:
    """Repeat in the tests' own objects what the solution changed in its copies."""
    for index, value in changed:
        original = arguments[index]
        if type(original) is not type(value) or type(original) not in codec.MUTABLE:
            raise TypeError("no such argument can be changed")
        if isinstance(original, list | bytearray):
            original[:] = value
        else:
            original.clear()
            (original.extend if isinstance(original, collections.deque) else original.update)(value)
