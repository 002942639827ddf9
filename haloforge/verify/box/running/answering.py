"""The side that runs model-written code: load it, then answer calls. Nothing it sends can be more than a claimed value.

Once the code has started, this process belongs to it: it may rewrite this module, forge frames or lie about any
value. All it gains is the right to answer the calls of the tests, whose expected values it never sees.
"""

import builtins
import copy
import io
import operator
import os
import socket
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ..protocol import codec
from ..protocol.wire import Channel, Closed

NAME = "solution"
OPAQUE_KINDS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def compiled(code: str, report: dict[str, Any]) -> types.CodeType | None:
    """Compile, noting syntax errors (then None is returned) and warnings in `report`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program = compile(code, f"{NAME}.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            report |= {"failure": "syntax", "detail": _describe_syntax(error)}
            return None
    report["warnings"] = [f"line {w.lineno}: {w.category.__name__}: {w.message}" for w in caught[:20]]
    return program


def compile_reporting(code: str, send: Callable[[dict[str, Any]], None]) -> types.CodeType:
    """Compile and send what there is to report; ends the process if it does not compile.

    Runs before the code does, so what it reports can be believed.
    """
    report: dict[str, Any] = {}
    program = compiled(code, report)
    if program is None:
        send({"syntax": report["detail"]})
        os._exit(0)
    if report["warnings"]:
        send({"warnings": report["warnings"]})
    return program


def _describe_syntax(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def serve_calls(code: str, channel_fd: int) -> NoReturn:
    """Run `code` as a module, then answer the other side's requests until it hangs up."""
    _session(code, Channel(channel_fd))
    os._exit(0)


def _session(code: str, channel: Channel) -> None:
    program = compile_reporting(code, channel.send)
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module
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


def rehearse() -> None:
    """A few sessions with a program of our own, before anything is forked.

    The interpreter fits code to what it meets while it runs, and a child would begin that, and the copying of the
    memory that it writes to, all over again.
    """
    for _ in range(REHEARSALS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            tests = Channel(ours.fileno())
            tests.send([1, "calls", "shortest", [[["b", "aa"]], [["x"]], [[]]]])
            ours.shutdown(socket.SHUT_WR)
            _session(_REHEARSED, Channel(theirs.fileno()))
    del sys.modules[NAME]


REHEARSALS = 20
"""From the eighth call or so on, CPython 3.11 runs a function in its specialised form."""


def describe(error: BaseException) -> dict[str, Any]:
    """The names of an exception's classes, most derived first, and its message."""
    try:
        message = str(error)[:500]
    except Exception:  # noqa: BLE001 - a broken __str__
        message = ""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == f"{NAME}.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"classes": [c.__name__ for c in type(error).__mro__], "message": message, "line": line}


def _kind(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return "module:" + value.__name__
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if callable(value) else "value"


class Foreign:
    """An object of the tests' process, passed to the solution: calls and public attributes go back there."""

    def __init__(self, server: "_Server", home: int) -> None:
        object.__setattr__(self, "_server", server)
        object.__setattr__(self, "_home", home)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._server.ask(operation, self._home, arguments)

    def __call__(self, *arguments: Any) -> Any:
        return self._ask("call", *arguments)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __len__(self) -> int:
        return int(self._ask("len"))

    def __bool__(self) -> bool:
        return bool(self._ask("bool"))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ask("list"))

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __str__(self) -> str:
        return str(self._ask("str"))

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and other._home == self._home or bool(self._ask("eq", other))

    def __hash__(self) -> int:
        return hash(("foreign", self._home))

    def __lt__(self, other: object) -> bool:
        return bool(self._ask("lt", other))

    def __le__(self, other: object) -> bool:
        return bool(self._ask("le", other))

    def __gt__(self, other: object) -> bool:
        return bool(self._ask("gt", other))

    def __ge__(self, other: object) -> bool:
        return bool(self._ask("ge", other))

    def __contains__(self, item: object) -> bool:
        return bool(self._ask("contains", item))

    def __add__(self, other: object) -> Any:
        return self._ask("add", other)

    def __sub__(self, other: object) -> Any:
        return self._ask("sub", other)

    def __mul__(self, other: object) -> Any:
        return self._ask("mul", other)

    def __neg__(self) -> Any:
        return self._ask("neg")


class _Server:
    def __init__(self, channel: Channel, module: types.ModuleType) -> None:
        self._channel = channel
        self._module = module
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._foreign: dict[int, Foreign] = {}

    def run(self) -> None:
        """Question by question, until the tests hang up."""
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
        """One after the other, up to a call that gives an object out: the tests may use it before they call again."""
        for number, arguments in enumerate(calls, first):
            given_out = len(self._objects)
            answer = self._answered(number, "call", target, arguments, {})
            last = len(self._objects) > given_out and answer[1] == "value"
            self._send([number, "last", *answer[2:]] if last else answer)
            if last:
                return

    def _send(self, answer: list[Any]) -> None:
        try:
            self._channel.send(answer)
        except (RecursionError, ValueError, TypeError, MemoryError) as error:
            self._channel.send([answer[0], "error", self._told(error)])

    def _answered(
        self, number: int, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]
    ) -> list[Any]:
        try:
            args = [codec.decode(a, self._find) for a in arguments]
            kwargs = {name: codec.decode(a, self._find) for name, a in keywords.items()}
            subject = self._own(target)
            result = self._perform(operation, subject, args, kwargs)
            same = next((i for i, a in enumerate(args) if a is result and type(a) in codec.MUTABLE), None)
            answer = {"argument": same} if same is not None else codec.encode(result, self._keep)
            return [number, "value", answer, self._changed(args, arguments)]
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is an answer
            return [number, "error", self._told(error)]

    def _told(self, error: BaseException) -> dict[str, Any]:
        """What was raised, with its arguments, where those can cross, and the object itself."""
        try:
            arguments = codec.encode(list(error.args), self._keep)
        except (RecursionError, ValueError, TypeError, MemoryError):
            arguments = [str(type(error))]
        return describe(error) | {"args": arguments, "object": self._keep(error)}

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
        now = [(i, codec.encode(a, self._keep)) for i, a in mutable]
        return [[i, value] for i, value in now if value != sent[i] or repr(value) != repr(sent[i])]

    def ask(self, operation: str, home: int, arguments: tuple[Any, ...]) -> Any:
        """Use an object of the tests' process while one of its calls is being answered."""
        self._channel.send([0, "ask", [operation, home, [codec.encode(a, self._keep) for a in arguments]]])
        while (message := self._channel.receive())[0] not in ("answer", "refused"):
            self._channel.send(self._answered(*message))  # the tests call back first
        outcome, body = message
        if outcome == "refused":
            raise TypeError(body)
        return codec.decode(body, self._find)

    def _keep(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Foreign):
            return {"home": value._home}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects[number] = value  # keeps it alive, so that its id stays its own
        return {"handle": number, "class": type(value).__name__, "kind": _kind(value)}

    def _find(self, handle: dict[str, Any]) -> Any:
        if "home" in handle:
            return self._own(handle["home"])
        number = handle["handle"]
        if number not in self._foreign:
            self._foreign[number] = Foreign(self, number)
        return self._foreign[number]


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


def run_program(code: str, report_fd: int) -> NoReturn:
    """Run `code` as a script, with the streams it was given; the report is closed before the code starts."""
    program = _compile_only(code, report_fd)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    status = 0
    try:
        exec(program, main.__dict__)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if error.code is not None and not isinstance(error.code, int):
            os.write(2, f"{error.code}\n".encode(errors="replace"))
    except BaseException as error:  # noqa: BLE001 - as the interpreter itself ends a script
        status = 1
        told = describe(error)
        place = f" (line {told['line']})" if told["line"] else ""
        os.write(2, f"{told['classes'][0]}: {told['message']}{place}\n".encode(errors="replace"))
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as at the end of any script: wait for its threads
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - as the interpreter itself ends a script
        status = status or 120
    os._exit(status & 255)


def offer_files(files: dict[str, str]) -> None:
    """Let a checker open these names, which are its arguments too, as files; they exist in memory only."""
    usual = open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        return io.StringIO(files[file]) if file in files else usual(file, *arguments, **options)

    builtins.open = opened
    sys.argv = ["checker.py", *files]


def compile_program(code: str, report_fd: int) -> NoReturn:
    """Compile and no more."""
    _compile_only(code, report_fd)
    os._exit(0)


def _compile_only(code: str, report_fd: int) -> types.CodeType:
    report = Channel(report_fd)
    program = compile_reporting(code, report.send)
    os.close(report_fd)
    return program


MODES: dict[str, Callable[[str, int], NoReturn]] = {
    "serve": serve_calls,
    "program": run_program,
    "compile": compile_program,
}
