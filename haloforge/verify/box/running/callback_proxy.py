"""Proxies, in the solution's process, for the functions and objects that tests pass to it: calls go back there."""

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..protocol.specials import methods_of

MAX_CLASSES = 256


class Use(Protocol):
    """One operation with an object of the tests' process."""

    def __call__(
        self, operation: str, number: int, arguments: Sequence[Any], keywords: dict[str, Any] | None = None
    ) -> Any:
        """Raises what that raises."""


class CallbackProxy:
    """An object of the tests' process, passed to the solution: calls and public attributes go back there."""

    def __init__(self, use: Use, number: int) -> None:
        object.__setattr__(self, "_use", use)
        object.__setattr__(self, "_number", number)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._use(operation, self._number, arguments)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __delattr__(self, name: str) -> None:
        self._ask("delete", name)

    def __str__(self) -> str:
        return str(self._ask("str"))

    def __repr__(self) -> str:
        return str(self._ask("repr"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallbackProxy) and other._number == self._number or bool(self._ask("eq", other))

    def __hash__(self) -> int:
        return hash(("foreign", self._number))

    def __lt__(self, other: object) -> bool:
        return bool(self._ask("lt", other))

    def __le__(self, other: object) -> bool:
        return bool(self._ask("le", other))

    def __gt__(self, other: object) -> bool:
        return bool(self._ask("gt", other))

    def __ge__(self, other: object) -> bool:
        return bool(self._ask("ge", other))


def _called(self: CallbackProxy, /, *arguments: Any, **keywords: Any) -> Any:
    return self._use("call", self._number, arguments, keywords)


def _asking(operation: str) -> Callable[..., Any]:
    def method(self: CallbackProxy, *arguments: Any) -> Any:
        return self._ask(operation, *arguments)

    return method


@functools.lru_cache(MAX_CLASSES)
def class_of(name: str, specials: tuple[str, ...]) -> type[CallbackProxy]:
    """The class of proxies for objects with these special methods."""
    methods = methods_of(specials, _asking)
    if "__call__" in specials:
        methods["__call__"] = _called
    if "__enter__" in specials:
        methods |= {"__enter__": _asking("enter"), "__exit__": lambda self, *error: self._ask("exit")}
    return type(name, (CallbackProxy,), methods)


@functools.lru_cache(MAX_CLASSES)
def _compiled(name: str, signature: str, passed_on: str) -> types.CodeType:
    return compile(f"def {name}({signature}):\n return _call_({passed_on})\n", "<a function of the tests>", "exec")


def function_of(described: dict[str, Any], defaults: Sequence[Any], call: Callable[..., Any]) -> Any:
    """A function with the name and the parameters of one of the tests' functions, which calls it.

    `described`: its name, its text for people, its parameters as source and as arguments for `call`; `defaults` are
    `d0`, `d1` and so on in that source.
    """
    scope: dict[str, Any] = {"_call_": call, **{f"d{index}": default for index, default in enumerate(defaults)}}
    exec(_compiled("function", described["signature"], described["passed_on"]), scope)
    function = scope["function"]
    function.__name__ = function.__qualname__ = described["name"]
    function.__doc__, function.__module__ = described["doc"], "tests"
    return function
