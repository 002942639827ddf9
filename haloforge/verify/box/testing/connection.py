"""The way from the tests to the solution's process: requests out, claimed values back."""

import builtins
import contextlib
import sys
import types
from collections.abc import Sequence
from typing import Any

from ..protocol import codec, library_types
from ..protocol.deep import encode_deep
from ..protocol.sharing import Shared, replace_contents
from ..protocol.wire import Channel, Closed, TooLong
from . import callbacks
from .about import NOTHING_KNOWN, About
from .batch import Batch
from .heard import Heard
from .lending import Lending
from .plain_values import plain_value
from .proxies import proxy_for
from .reading import NOTHING_READ, TESTS_FILE, Reading
from .solution_errors import (
    EXITS,
    MAX_TEXT,
    ExceptionClasses,
    FromSolution,
    SolutionGone,
    StoppedIteration,
    class_names,
    note_failure,
)
from .subject import Subject, inner_subject

MAX_WARNINGS = 20
"""Warnings of one compilation that are kept."""
MAX_REASON = 200
"""Characters that say why a request failed."""
_ABBREVIATED = {"np": "numpy"}
"""Names that everybody gives to modules."""
_SCALARS = frozenset([int, str, float, bool, type(None)])
_MALFORMED = (Closed, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What taking apart a message raises when no honest solution sends that message."""


class Connection:
    """The solution in the other process. Counts the calls: a verdict without one says nothing about the solution."""

    def __init__(
        self,
        channel: Channel,
        report: dict[str, Any],
        entry_point: str | None,
        batched_calls: Sequence[list[Any]],
        reading: Reading = NOTHING_READ,
    ) -> None:
        """`batched_calls`: encoded arguments of the calls of the entry point that will be made, in this order."""
        self.calls = 0
        self.gone = ""
        """Why it answers no more; empty while it does."""
        self.named: set[str] = set()
        self.asks_truth = reading.asks_truth
        self.asks_identity = reading.asks_identity
        self._reading = reading
        self._channel = channel
        self._report = report
        self._batch = Batch(entry_point, batched_calls)
        self._lending = Lending()
        self._exceptions = ExceptionClasses()
        self._shared = Shared(lambda value: self._encoded(value, touches=False), self.comparable)
        self._shared_results: set[int] = set()
        self._classes: dict[int, About] = {}
        """What is known of the solution's classes, by number."""
        self._contents: dict[str, Any] = {}
        """What it told about its module."""
        self._heard = Heard()
        self._flags: dict[str | int, int] = {}
        """The number that each flag was told to be, by object."""
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
                return self._loaded(message)
            if "syntax" in message:
                self._report |= {"failure": "syntax", "detail": str(message["syntax"])[:MAX_TEXT]}
            else:
                note_failure(self._report, message["failed"])
        except _MALFORMED as error:
            raise self._refused(error) from None
        return None

    def _loaded(self, message: dict[str, Any]) -> dict[str, str]:
        names = {str(name): str(kind) for name, kind in message["ready"].items()}
        self._contents = {
            key: dict(message[key]) if key in message else {} for key in ("library", "classes", "members")
        }
        if self.asks_identity:
            self._asked("share", "__name__", (), {})
        for told in (self._contents["classes"], *self._contents["members"].values()):
            self._note_classes(told)
        return names

    def _note_classes(self, told: Any) -> None:
        """Remember what is told of classes anywhere in an answer, for it is told once."""
        if type(told) is dict and "about" in told:
            self._about(told)
        for part in told.values() if type(told) is dict else told if type(told) is list else ():
            self._note_classes(part)

    def bound(self, name: str, kind: str) -> Any:
        """What the tests see under a global name of the solution. Raises ImportError for a module that is not here."""
        if kind.startswith("module:"):
            return _module(kind.removeprefix("module:"))
        if kind == "value":
            return self._of_tests(self.ask("global", name, ()))
        if kind in ("class", "exception"):
            self.named.add(name)
        if kind == "exception":
            return self._exceptions.made_by_tests(self.ask("mro", name, ()), self._named_subject(name, "class").proxy())
        return self._named_subject(name, kind).proxy()

    def library_value(self, name: str, kind: str) -> Any:
        """What the tests' own library has under a name that the solution has it under too; None if that is not so."""
        if kind.startswith("module:"):
            wanted = _ABBREVIATED.get(name, name)
            with contextlib.suppress(ImportError):
                return _module(wanted) if kind == f"module:{wanted}" else None
            return None
        module, _, attribute = str(self._contents["library"].get(name, "")).rpartition(".")
        if attribute != name or module not in library_types.MODULES or module not in sys.modules:
            return None
        return vars(sys.modules[module]).get(attribute)

    def _named_subject(self, name: str, kind: str) -> Subject:
        described = self._contents["classes"].get(name)
        about = self._about(described) if kind == "class" and described else None
        subject = Subject(self, name, kind, about or About())
        subject.of_tests = True
        if kind == "class" and name in self._contents["members"]:
            members = self._contents["members"][name].items()
            subject.members = {str(key): self._of_tests(self._decoded(member)) for key, member in members}
        return subject

    def _of_tests(self, value: Any) -> Any:
        """A global object is one that the tests name; where it has contents that can change, it is used where it is."""
        subject = inner_subject(value)
        if subject is None:
            return value
        subject.of_tests = True
        return subject.live(value)

    def ask(
        self, operation: str, target: str | int, arguments: Sequence[Any], keywords: dict[str, Any] | None = None
    ) -> Any:
        """One operation in the solution's process. Raises what it raised, SolutionGone if it no longer answers."""
        self.calls += 1
        try:
            return self._asked(operation, target, arguments, keywords or {})
        except SolutionGone as error:
            self.gone = self.gone or str(error)
            raise

    def patch(self, operation: str, *arguments: Any) -> Any:
        """Change something around the solution, see `running.patches`."""
        return self.ask(operation, "__name__", arguments)

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""
        self._report["forgeable"] = True

    def proxy_for(self, subject: Subject) -> Any:
        """A proxy for one of its objects."""
        return proxy_for(subject)

    def time(self) -> int:
        """How many requests there have been."""
        return self.calls

    def was_given(self, value: Any, since: int) -> bool:
        """Whether a call has been given this very value, since that time."""
        return self._heard.has(self.comparable(value), since)

    def may_skip_the_rest(self) -> bool:
        """Whether no test is lost when the solution suppresses an exception in the `with` block that is running."""
        frame: types.FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename != TESTS_FILE:
            frame = frame.f_back
        return frame is not None and frame.f_lineno in self._reading.harmless_blocks

    def comparable(self, value: Any) -> Any:
        """The same for two values that are the same plain data, or the same objects; asks the solution nothing."""
        return codec.encode(value, self._known_as)

    def _known_as(self, value: Any) -> dict[str, Any]:
        subject = inner_subject(value)
        return {"home": subject.target} if subject else {"id": id(value)}

    def _asked(self, operation: str, target: str | int, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        touches = operation in ("call", "set", "put", "rebind")
        sent = [self._encoded(argument, touches=touches) for argument in arguments]
        named = {name: self._encoded(argument, touches=touches) for name, argument in keywords.items()}
        if operation == "call":
            self._heard.note(self.calls, [*sent, *named.values()])
        try:
            number = self._send(operation, target, sent, named)
            outcome, *body = self._answer_to(number)
            if outcome == "last":
                self._batch.forget()
            value, changed, *shared = body
            given = dict(enumerate(arguments)) | keywords if changed or type(value) is dict else {}
            has_changed = False
            for key, contents in changed:
                has_changed = replace_contents(given[key], self._decoded(contents)) or has_changed
            for n, contents in (change for changes in shared for change in changes):
                self._shared.take_over(int(n), self._decoded(contents))
                if n in self._shared_results:
                    self.mark_forgeable()  # the result of an earlier call is now another
            if outcome == "error":
                raise self._rebuilt(value, operation)
            has_changed_more = self._lending.take_changes()
            if has_changed or has_changed_more:
                self._report["changed" if value is None else "changed_and_returned"] = True
            return self._result(value, given, operation)
        except _MALFORMED as error:
            if isinstance(error, FromSolution) or self._lending.is_lent(error):
                raise
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SolutionGone:
        """What ends a session in which the solution sent what is not taken."""
        self._report["flooded"] = isinstance(error, TooLong | codec.TooLarge)
        return SolutionGone(_reason(error))

    def _result(self, value: Any, given: dict[Any, Any], operation: str) -> Any:
        if type(value) is dict and "argument" in value:
            return given[value["argument"]]
        if type(value) is dict and "shared" in value:
            number, contents = value["shared"]
            if operation not in ("get", "global"):
                if not self.asks_identity:
                    raise ValueError("a result that might change later")
                self._shared_results.add(int(number))
            return self._shared.adopted(int(number), self._decoded(contents))
        return self._decoded(value)

    def _encoded(self, value: Any, *, touches: bool) -> Any:
        """`touches`: what is sent may be changed there, or kept for a later answer."""
        if type(value) in _SCALARS:
            return codec.encode(value, self._known_as)

        def export(item: Any) -> dict[str, Any]:
            subject = inner_subject(item)
            if subject is None and isinstance(item, FromSolution):
                subject = inner_subject(item.solution_object)
            if subject is None:
                return self._lending.described(item, lambda part: self._encoded(part, touches=touches))
            subject.touched = subject.touched or touches
            return {"home": subject.target}

        return encode_deep(value, export)

    def _decoded(self, value: Any) -> Any:
        return codec.decode(value, self._resolve)

    def _send(self, operation: str, target: str | int, sent: list[Any], named: dict[str, Any]) -> int:
        """Send the request and return its number; batched calls have been sent with the first of them."""
        batch = self._batch
        changes = self._shared.changes()
        if operation == "call" and not named and not changes and batch.is_next(target, sent):
            if not batch.first_number:
                batch.first_number = self._last_number + 1
                self._last_number += len(batch.calls)
                self._channel.send([batch.first_number, "calls", target, batch.calls])
            return batch.take()
        batch.break_off()
        self._last_number += 1
        request = [self._last_number, operation, target, sent, named]
        self._channel.send([*request, changes] if changes else request)
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
            self._note_classes(answer)

    def _rebuilt(self, row: dict[str, Any], operation: str) -> Any:
        """The exception that the solution says it raised, as one of our own classes, or the tests' own one."""
        if "home" in row:
            return self._lending.exception(row["home"])
        names = class_names(row["classes"])
        if "Exception" not in names and not (names[0] in EXITS and self._reading.expects_exit):
            return SolutionGone(f"the solution raised {names[0]}")
        if operation in ("next", "step") and names[0] in ("StopIteration", "StopAsyncIteration"):
            self._note_classes(row)
            return vars(builtins)[names[0]](*map(self._decoded, row["args"]))
        arguments = [self._decoded(argument) for argument in row["args"]]
        error: Any = StoppedIteration(*arguments)
        if names[0] in EXITS:
            error = EXITS[names[0]](*arguments)
        elif "StopIteration" not in names:
            error = self._exceptions.rebuilt(names, arguments)
        error.solution_message = str(row["message"])
        error.solution_object = self._resolve(row["object"])
        if "filename" in row:
            error.filename = str(row["filename"])
        error.solution_line = row["line"] if isinstance(row["line"], int) else None
        if "cause" in row:
            error.__cause__ = self._rebuilt(row["cause"], operation)
        return error

    def _resolve(self, handle: dict[str, Any]) -> Any:
        """The object that a handle stands for: one of ours that comes home, or a proxy for one of the solution's."""
        if "exception" in handle:
            return self._rebuilt(handle["exception"], "get")
        if "home" in handle:
            return self._lending.lent(handle["home"])
        target = handle["global"] if isinstance(handle.get("global"), str) else int(handle["handle"])
        kind = str(handle["kind"])
        self._heard.matters = True
        subject = Subject(self, target, kind, self._about(handle))
        subject.class_name = str(handle["class"])
        if kind == "coroutine":
            return _awaited(subject)
        if kind == "exception" and "mro" in handle:
            return self._exceptions.of(handle["mro"])
        if "state" in handle and subject.about.fields is not None:
            subject.fields = [self._decoded(value) for value in handle["state"]]
        if type(flag := handle.get("flag")) is int:
            subject.flag = flag
            if self._flags.setdefault(subject.target, flag) != flag:
                self.mark_forgeable()  # one object, of two minds about what it holds
        if "plain" in handle:
            return plain_value(self._decoded(handle["plain"]), subject)
        return subject.proxy()

    def _about(self, handle: dict[str, Any]) -> About:
        number = handle.get("type")
        if number is None:
            return NOTHING_KNOWN
        if "about" in handle:
            self._classes[int(number)] = About.from_row(handle["about"])
        return self._classes[int(number)]

    def _used(self, operation: str, number: int, arguments: list[Any], keywords: dict[str, Any]) -> list[Any]:
        """Let the solution use a function or an object that the tests passed to it; answers with the result."""
        try:
            args = [self._decoded(a) for a in arguments]
            named = {str(name): self._decoded(a) for name, a in keywords.items()}
            result = self._lending.use(operation, number, args, named)
            return ["answer", self._encoded(result, touches=True)]
        except callbacks.Refused as error:
            return ["refused", _reason(error)]
        except Exception as error:  # noqa: BLE001 - goes through the solution, and home if that lets it
            return ["raised", self._encoded(error, touches=True)]


async def _awaited(subject: Subject) -> Any:
    """What an `async` function of the solution returns, run there step by step while the tests await it."""
    import asyncio

    while True:
        try:
            done, value = subject.ask("step")
            if done:
                return value
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            subject.ask("cancel")
            raise


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_REASON]


def _module(name: str) -> types.ModuleType:
    """The real module, if it is loaded here. The solution only says that it has it; nothing is loaded at its word."""
    top = name.partition(".")[0]
    if name not in sys.modules or not (top in sys.stdlib_module_names or top == "numpy") or top == "__main__":
        raise ImportError(name)
    return sys.modules[name]
