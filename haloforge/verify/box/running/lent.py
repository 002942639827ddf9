"""What the tests have lent to the solution: functions, objects, iterators, exceptions that their functions raised."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from .callback_proxy import CallbackProxy, Use, class_of, function_of


class Lent:
    """Proxies by the number that their object has in the tests' process."""

    def __init__(self, use: Use) -> None:
        self._use = use
        self._proxies: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        """The number of each proxy, by its id."""

    def number_of(self, value: Any) -> int | None:
        """The number of a proxy; None for an object of the solution's own."""
        return self._numbers.get(id(value))

    def proxy(self, handle: dict[str, Any], defaults: Sequence[Any], plain: Any = None) -> Any:
        """The proxy that a handle describes, always the same one for a number.

        `plain`: the contents of an object whose class the tests derived from a plain type.
        """
        number = handle["handle"]
        if number not in self._proxies:
            proxy = self._proxies[number] = self._made(number, handle, defaults, plain)
            self._numbers[id(proxy)] = number
        return self._proxies[number]

    def _made(self, number: int, handle: dict[str, Any], defaults: Sequence[Any], plain: Any) -> Any:
        if "signature" in handle:
            return function_of(handle, defaults, self._caller(number))
        if "raised" in handle:
            return _exception(handle["raised"], handle["message"])
        proxy = class_of(str(handle["class"]), tuple(handle["special"]))(self._use, number)
        if plain is not None:
            return _plain(plain, str(handle["class"]), proxy)
        if "name" in handle:
            object.__setattr__(proxy, "__name__", handle["name"])
        return proxy

    def _caller(self, number: int) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            return self._use("call", number, arguments, keywords)

        return call


def _plain(value: Any, name: str, proxy: CallbackProxy) -> Any:
    """The contents as a value, which asks the tests for attributes that its plain type lacks."""
    base: Any = type(value)
    return type(name, (base,), {"__getattr__": lambda self, attribute: getattr(proxy, attribute)})(value)


def _exception(classes: Sequence[str], message: str) -> BaseException:
    """An exception with the names of the tests' one, below the first builtin class of its parents."""
    known = [name for name in classes if isinstance(vars(builtins).get(name), type)]
    kind = vars(builtins)[known[0]]
    for name in reversed(classes[: classes.index(known[0])]):
        kind = type(name, (kind,), {})
    error: BaseException = kind.__new__(kind, message)
    error.args = (message,) if message else ()
    return error
