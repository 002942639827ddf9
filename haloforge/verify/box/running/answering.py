"""Load a solution as a module, then answer the calls that its tests make from the other process."""

import os
import socket
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ..protocol import codec
from ..protocol.deep import encode_deep
from ..protocol.sharing import Shared
from ..protocol.specials import OPERATIONS
from ..protocol.wire import Channel, Closed
from . import coroutines
from .describing import Describer, flag_of, kind_of, library_name, members_of, state_of
from .lent import Lent
from .patches import PATCHES, Patches
from .program import MODULE_NAME, compile_reporting, describe


def serve_calls(code: str, channel_fd: int) -> NoReturn:
    """Run `code` as a module, then answer the other side's requests until it hangs up."""
    _session(code, Channel(channel_fd))
    os._exit(0)


def _session(code: str, channel: Channel) -> None:
    program = compile_reporting(code, channel.send)
    module = types.ModuleType(MODULE_NAME)
    sys.modules[MODULE_NAME] = module
    server = _Server(channel, module)
    try:
        exec(program, module.__dict__)
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is an outcome
        channel.send({"failed": describe(error)})
        return
    channel.send(server.contents())
    server.run()


_REHEARSED = """
from typing import List
def shortest(words: List[str]) -> str:
    best = None
    for word in words:
        if best is None or len(word) < len(best):
            best = word
    return best
def mixed(items, number):
    return [items, (number, 2.5), True, None, {"a": [number]}]
"""
MAX_CAUSES = 3
"""How far the chain of an exception's causes is told."""
REHEARSALS = 20
"""From the eighth call or so on, CPython 3.11 runs a function in its specialised form."""


def rehearse() -> None:
    """Run a few sessions with a program of our own, before anything is forked: calls with values of the common kinds.

    The interpreter specialises code while it runs. Otherwise every child would begin that again, and copy every page of
    memory that it writes to for it.
    """
    for _ in range(REHEARSALS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            tests = Channel(ours.fileno())
            tests.send([1, "calls", "shortest", [[["b", "aa"]], [["x"]], [[]]]])
            tests.send([4, "calls", "mixed", [[["b", 1, 0.5, True, None], 3], [[], -1]]])
            tests.send([6, "call", "mixed", [[1, 2, 3], 3], {}])
            ours.shutdown(socket.SHUT_WR)
            _session(_REHEARSED, Channel(theirs.fileno()))
    del sys.modules[MODULE_NAME]


class _Server:
    def __init__(self, channel: Channel, module: types.ModuleType) -> None:
        self._channel = channel
        self._module = module
        self._patches = Patches(vars(module))
        self._describer = Describer(module)
        self._objects: dict[int, Any] = {}
        """Objects of the solution that the tests hold proxies for, by number."""
        self._numbers: dict[int, int] = {}
        """The number of each such object, by its id."""
        self._exporting: set[int] = set()
        """Ids of the exceptions that are being told of just now."""
        self._lent = Lent(self.use_test_object)
        self._shared = Shared(lambda value: codec.encode(value, self._export), codec.identified)
        self._shares_results = False
        """Whether a list that functions return twice is to be one list for the tests: they ask for that."""
        self._loop: coroutines.Loop | None = None
        """The event loop, once the tests await something."""

    def contents(self) -> dict[str, Any]:
        """What the module defines: the kind of every name, and more about some of its classes and functions.

        Members of enumerations get their numbers here, before the tests ask anything.
        """
        values = list(vars(self._module).items())
        message: dict[str, Any] = {"ready": {name: kind_of(value) for name, value in values}}
        message["library"] = {name: known for name, value in values if (known := library_name(value))}
        special = {name: value for name, value in values if isinstance(value, type) and type(value) is not type}
        message["classes"] = {name: self._export(value) for name, value in special.items()}
        message["members"] = {
            name: {member: codec.encode(m, self._export) for member, m in members.items()}
            for name, value in special.items()
            if (members := members_of(value))
        }
        return message

    def run(self) -> None:
        """Request by request, until the tests hang up."""
        while True:
            try:
                request = self._channel.receive()
            except Closed:
                return
            if request[1] == "calls":
                self._call_all(*request)
            else:
                self._send(self._answered(*request))

    def _call_all(self, first: int, _: str, target: str, calls: list[list[Any]]) -> None:
        """A batch of calls, one after the other, up to one that returns an object: the tests may use that first."""
        for number, arguments in enumerate(calls, first):
            given_out = len(self._objects)
            answer = self._answered(number, "call", target, arguments, {})
            is_last = len(self._objects) > given_out and answer[1] == "value"
            self._send([number, "last", *answer[2:]] if is_last else answer)
            if is_last:
                return

    def _send(self, answer: list[Any]) -> None:
        try:
            self._channel.send(answer)
        except (RecursionError, ValueError, TypeError, MemoryError) as error:
            self._channel.send([answer[0], "error", self._exported_error(error)])

    def _answered(
        self, number: int, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any], *shared: Any
    ) -> list[Any]:
        """The answer to one request: a value or an error, the arguments that the call changed, shared containers."""
        outcome = "value"
        positional: list[Any] = []
        named: dict[str, Any] = {}
        try:
            for n, value in shared[0] if shared else ():
                self._shared.take_over(n, codec.decode(value, self._resolve))
            positional = [codec.decode(a, self._resolve) for a in arguments]
            if keywords:
                named = {name: codec.decode(a, self._resolve) for name, a in keywords.items()}
            result = self._perform(operation, self._own(target), positional, named)
            answer = self._result(result, operation, [*enumerate(positional), *named.items()])
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is an answer
            outcome, answer = "error", self._exported_error(error)
        try:
            changed = self._changed(enumerate(positional), arguments)
            if named:
                changed += self._changed(named.items(), keywords)
            changes = self._shared.changes()
            return [number, outcome, answer, changed, changes] if changes else [number, outcome, answer, changed]
        except BaseException as error:  # noqa: BLE001 - what the code left in its arguments cannot be told
            return [number, "error", self._exported_error(error), []]

    def _result(self, result: Any, operation: str, given: list[tuple[Any, Any]]) -> Any:
        """What JSON can carry of a result: an argument that comes back and a shared container keep their identity."""
        if type(result) in codec.MUTABLE:
            same = next((key for key, argument in given if argument is result), None)
            if same is not None:
                return {"argument": same}
            if (operation in ("get", "global") or self._shares_results) and (
                number := self._shared.number_of(result)
            ) is not None:
                return {"shared": [number, codec.encode(result, self._export)]}
        return encode_deep(result, self._export)

    def _exported_error(self, error: BaseException, depth: int = 0) -> dict[str, Any]:
        """What was raised: its description, its arguments where those can cross, and the object itself."""
        if (number := self._lent.number_of(error)) is not None:
            return {"classes": ["Exception"], "home": number}
        try:
            arguments = codec.encode(list(error.args), self._export)
        except (RecursionError, ValueError, TypeError, MemoryError):
            arguments = [str(type(error))]
        row = describe(error) | {"args": arguments, "object": self._handle_of(error)}
        if isinstance(error, OSError) and isinstance(error.filename, str):
            row["filename"] = error.filename
        if isinstance(error.__cause__, Exception) and depth < MAX_CAUSES:
            row["cause"] = self._exported_error(error.__cause__, depth + 1)
        return row

    def _own(self, target: int | str) -> Any:
        """One of our objects by its number, or a global by its name, as it was before the tests replaced it."""
        return self._patches.original(target) if isinstance(target, str) else self._objects[target]

    def _perform(self, operation: str, subject: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if operation == "call":
            return subject(*args, **kwargs)
        if operation in ("step", "cancel"):
            self._loop = self._loop or coroutines.Loop()
            return self._loop.step(subject) if operation == "step" else self._loop.cancel(subject)
        if operation in PATCHES:
            return self._patches.perform(operation, args)
        if operation == "share":
            self._shares_results = True
            return None
        return _OPERATIONS[operation](subject, *args)

    def _changed(self, given: Iterable[tuple[Any, Any]], sent: Any) -> list[list[Any]]:
        """[index or name, new value] of every argument that the call mutated in place."""
        return [
            [key, codec.encode(argument, self._export)]
            for key, argument in given
            if (type(argument) in codec.MUTABLE or codec.is_array(argument)) and self._differs(argument, sent[key])
        ]

    def _differs(self, argument: Any, sent: Any) -> bool:
        """Whether an argument is not what the tests sent; objects are the same where they are the same object."""
        if codec.is_array(argument):
            was = codec.decode(sent, self._resolve)
            return bool(argument.shape != was.shape or argument.tobytes() != was.tobytes())
        now = codec.identified(argument)
        if now == sent and repr(now) == repr(sent):
            return False
        before = codec.identified(codec.decode(sent, self._resolve))
        return bool(now != before or repr(now) != repr(before))

    def use_test_object(
        self, operation: str, number: int, arguments: Sequence[Any], keywords: dict[str, Any] | None = None
    ) -> Any:
        """Use an object of the tests' process while one of its calls is being answered. Raises what that raises.

        Raises TypeError if it is refused.
        """
        args = [codec.encode(a, self._export) for a in arguments]
        named = {name: codec.encode(a, self._export) for name, a in (keywords or {}).items()}
        self._channel.send([0, "ask", [operation, number, args, named]])
        while (message := self._channel.receive())[0] not in ("answer", "refused", "raised"):
            self._channel.send(self._answered(*message))  # the tests call back first
        outcome, body = message
        if outcome == "answer":
            return codec.decode(body, self._resolve)
        raise TypeError(body) if outcome == "refused" else self._resolve(body)

    def _export(self, value: Any) -> dict[str, Any]:
        """The handle by which the tests know this object; an exception crosses with all that it carries."""
        if isinstance(value, Exception) and self._lent.number_of(value) is None and id(value) not in self._exporting:
            self._exporting.add(id(value))
            try:
                return {"exception": self._exported_error(value)}
            finally:
                self._exporting.discard(id(value))
        return self._handle_of(value)

    def _handle_of(self, value: Any) -> dict[str, Any]:
        """The handle of an object; one of the tests goes home under its own number."""
        if (lent := self._lent.number_of(value)) is not None:
            return {"home": lent}
        number, is_new = self._numbers.get(id(value)), False
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects[number] = value  # keeps it alive, so that no other object gets its id
            is_new = True
        described = {"handle": number, "class": type(value).__name__, "kind": kind_of(value)}
        described |= self._describer.of(value)
        if (flag := flag_of(value)) is not None:
            described["flag"] = flag
        state = state_of(value) if is_new else None
        if state is not None:
            described["state"] = [codec.encode(field, self._export) for field in state]
        return described

    def _resolve(self, handle: dict[str, Any]) -> Any:
        """The object that a handle stands for: one of ours that comes home, or a proxy for one of the tests'."""
        if "home" in handle:
            return self._own(handle["home"])
        plain = codec.decode(handle["plain"], self._resolve) if "plain" in handle else None
        return self._lent.proxy(handle, [codec.decode(d, self._resolve) for d in handle.get("defaults", ())], plain)


def _left(subject: Any, *error: Any) -> bool:
    """`with subject` ends, with an exception or without."""
    return bool(
        type(subject).__exit__(subject, type(error[0]), error[0], error[0].__traceback__)
        if error
        else type(subject).__exit__(subject, None, None, None)
    )


_OPERATIONS: dict[str, Callable[..., Any]] = {
    **OPERATIONS,
    "global": lambda subject: subject,
    "enter": lambda subject: type(subject).__enter__(subject),
    "exit": _left,
    "mro": lambda subject: [c.__name__ for c in subject.__mro__],
    "isinstance": lambda subject, value: isinstance(value, subject),
    "issubclass": lambda subject, value: issubclass(value, subject),
    "plain": codec.content_of,
    "aiter": lambda subject: type(subject).__aiter__(subject),
    "anext": lambda subject: coroutines.advanced(subject),
    "aenter": lambda subject: coroutines.entered(subject),
    "aexit": lambda subject: coroutines.left(subject),
}
