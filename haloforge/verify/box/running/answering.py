"""Load a solution as a module, then answer the calls that its tests make from the other process."""

import copy
import operator
import os
import socket
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

from ..protocol import codec
from ..protocol.wire import Channel, Closed
from .callback_proxy import CallbackProxy
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
    channel.send({"ready": {name: _kind(value) for name, value in list(vars(module).items())}})
    server.run()


_REHEARSED = """
from typing import List
def shortest(words: List[str]) -> str:
    best = None
    for word in words:
        if best is None or len(word) < len(best):
            best = word
    return best
"""
REHEARSALS = 20
"""From the eighth call or so on, CPython 3.11 runs a function in its specialised form."""


def rehearse() -> None:
    """Run a few sessions with a program of our own, before anything is forked.

    The interpreter specialises code while it runs. Otherwise every child would begin that again, and copy every page of
    memory that it writes to for it.
    """
    for _ in range(REHEARSALS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            tests = Channel(ours.fileno())
            tests.send([1, "calls", "shortest", [[["b", "aa"]], [["x"]], [[]]]])
            ours.shutdown(socket.SHUT_WR)
            _session(_REHEARSED, Channel(theirs.fileno()))
    del sys.modules[MODULE_NAME]


def _kind(value: Any) -> str:
    """What the tests are told about a value: module, exception, class, function or value."""
    if isinstance(value, types.ModuleType):
        return "module:" + value.__name__
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if callable(value) else "value"


class _Server:
    def __init__(self, channel: Channel, module: types.ModuleType) -> None:
        self._channel = channel
        self._module = module
        self._objects: dict[int, Any] = {}
        """Objects of the solution that the tests hold proxies for, by number."""
        self._numbers: dict[int, int] = {}
        """The number of each such object, by its id."""
        self._callbacks: dict[int, CallbackProxy] = {}

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
        self, number: int, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]
    ) -> list[Any]:
        """The answer to one request: a value with the arguments that the call changed, or an error."""
        try:
            args = [codec.decode(a, self._resolve) for a in arguments]
            kwargs = {name: codec.decode(a, self._resolve) for name, a in keywords.items()}
            result = self._perform(operation, self._own(target), args, kwargs)
            same = next((i for i, a in enumerate(args) if a is result and type(a) in codec.MUTABLE), None)
            answer = {"argument": same} if same is not None else codec.encode(result, self._export)
            return [number, "value", answer, self._changed(args, arguments)]
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is an answer
            return [number, "error", self._exported_error(error)]

    def _exported_error(self, error: BaseException) -> dict[str, Any]:
        """What was raised: its description, its arguments where those can cross, and the object itself."""
        try:
            arguments = codec.encode(list(error.args), self._export)
        except (RecursionError, ValueError, TypeError, MemoryError):
            arguments = [str(type(error))]
        return describe(error) | {"args": arguments, "object": self._export(error)}

    def _own(self, target: int | str) -> Any:
        """One of our objects by its number, or a global by its name."""
        return vars(self._module)[target] if isinstance(target, str) else self._objects[target]

    def _perform(self, operation: str, subject: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if operation == "call":
            return subject(*args, **kwargs)
        return _OPERATIONS[operation](subject, *args)

    def _changed(self, args: list[Any], sent: list[Any]) -> list[list[Any]]:
        """[index, new value] of every argument that the call mutated in place."""
        mutable = [(i, a) for i, a in enumerate(args) if type(a) in codec.MUTABLE]
        now = [(i, codec.encode(a, self._export)) for i, a in mutable]
        return [[i, value] for i, value in now if value != sent[i] or repr(value) != repr(sent[i])]

    def use_test_object(self, operation: str, number: int, arguments: tuple[Any, ...]) -> Any:
        """Use an object of the tests' process while one of its calls is being answered. Raises TypeError if refused."""
        self._channel.send([0, "ask", [operation, number, [codec.encode(a, self._export) for a in arguments]]])
        while (message := self._channel.receive())[0] not in ("answer", "refused"):
            self._channel.send(self._answered(*message))  # the tests call back first
        outcome, body = message
        if outcome == "refused":
            raise TypeError(body)
        return codec.decode(body, self._resolve)

    def _export(self, value: Any) -> dict[str, Any]:
        """The handle by which the tests know this object; an object of theirs goes home under its own number."""
        if isinstance(value, CallbackProxy):
            return {"home": value._number}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects[number] = value  # keeps it alive, so that no other object gets its id
        return {"handle": number, "class": type(value).__name__, "kind": _kind(value)}

    def _resolve(self, handle: dict[str, Any]) -> Any:
        """The object that a handle stands for: one of ours that comes home, or a proxy for one of the tests'."""
        if "home" in handle:
            return self._own(handle["home"])
        number = handle["handle"]
        if number not in self._callbacks:
            self._callbacks[number] = CallbackProxy(self, number)
        return self._callbacks[number]


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "global": lambda subject: subject,
    "get": getattr,
    "set": setattr,
    "iter": iter,
    "next": next,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "item": operator.getitem,
    "put": operator.setitem,
    "drop": operator.delitem,
    "enter": lambda subject: subject.__enter__(),
    "exit": lambda subject: subject.__exit__(None, None, None),
    "mro": lambda subject: [c.__name__ for c in subject.__mro__],
    "isinstance": lambda subject, value: isinstance(value, subject),
    "issubclass": lambda subject, value: issubclass(value, subject),
    **codec.OPERATORS,
    "is": operator.is_,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
