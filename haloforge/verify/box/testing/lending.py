"""What the tests passed to the solution: by which numbers it knows these objects, and what it did with them."""

import inspect
import types
from collections.abc import Callable
from typing import Any

from ..protocol import codec
from ..protocol.specials import specials_of
from . import callbacks

_CHANGING = ("set", "delete", "put", "drop")


class Lending:
    """Functions, objects and raised exceptions of the tests that the solution holds proxies for."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        """The number of each object, by its id."""
        self._changed = False

    def described(self, value: Any, encode: Callable[[Any], Any]) -> dict[str, Any]:
        """The handle by which the solution knows this object, with all that its proxy there needs."""
        number = self._numbers.setdefault(id(value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)
        handle = {"handle": number, "class": type(value).__name__}
        if isinstance(value, BaseException):
            classes = [kind.__name__ for kind in type(value).__mro__]
            return handle | {"raised": classes, "message": str(value)}
        if isinstance(value, types.FunctionType):
            return handle | _signature(value, encode)
        named = {"name": value.__name__} if isinstance(value, type | types.BuiltinFunctionType) else {}
        return handle | named | {"special": specials_of(type(value))}

    def lent(self, number: int) -> Any:
        """The object that comes home. Raises LookupError or TypeError for a number that was never given out."""
        return self._objects[number]

    def exception(self, number: int) -> Exception:
        """An exception of the tests that went through the solution. Raises TypeError for any other object."""
        error = self._objects[number]
        if not isinstance(error, Exception):
            raise TypeError("no exception of the tests")
        return error

    def is_lent(self, error: Exception) -> bool:
        """Whether this very exception was raised by a function of the tests."""
        return id(error) in self._numbers

    def use(self, operation: str, number: int, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """One operation of the solution's with an object of the tests, see `callbacks.use`."""
        subject = self._objects[number]
        owner = subject.__self__ if isinstance(subject, types.MethodType | types.BuiltinMethodType) else subject
        before = _state(owner)
        try:
            return callbacks.use(operation, subject, arguments, keywords)
        finally:
            if operation in _CHANGING or _state(owner) != before:
                self._changed = True

    def take_changes(self) -> bool:
        """Whether the solution changed an object of the tests since this was asked last."""
        changed, self._changed = self._changed, False
        return changed


def _state(owner: Any) -> Any:
    """Attributes or contents of an object of the tests, to see whether they change."""
    if type(owner) in codec.MUTABLE:
        return codec.identified(owner)
    if type(owner).__module__ in callbacks.TEST_MODULES and not isinstance(owner, type):
        attributes = owner.__dict__ if hasattr(owner, "__dict__") else {}
        return codec.identified(list(attributes.items()))
    return None


def _signature(function: types.FunctionType, encode: Callable[[Any], Any]) -> dict[str, Any]:
    """Name, text and parameters of a function, as source: of a definition, and of a call with what it was given."""
    definition: list[str] = []
    call: list[str] = []
    defaults: list[Any] = []
    kinds = inspect.Parameter
    parameters = list(inspect.signature(function).parameters.values())
    for index, parameter in enumerate(parameters):
        name = parameter.name
        if parameter.kind is kinds.KEYWORD_ONLY and not any(text.startswith("*") for text in definition):
            definition.append("*")
        star = "*" * (parameter.kind is kinds.VAR_POSITIONAL) + "**" * (parameter.kind is kinds.VAR_KEYWORD)
        default = ""
        if parameter.default is not kinds.empty:
            default = f"=d{len(defaults)}"
            defaults.append(encode(parameter.default))
        definition.append(star + name + default)
        call.append(f"{name}={name}" if parameter.kind is kinds.KEYWORD_ONLY else star + name)
        following = parameters[index + 1].kind if index + 1 < len(parameters) else None
        if parameter.kind is kinds.POSITIONAL_ONLY and following is not kinds.POSITIONAL_ONLY:
            definition.append("/")
    return {
        "name": function.__name__,
        "doc": function.__doc__,
        "signature": ", ".join(definition),
        "passed_on": ", ".join(call),
        "defaults": defaults,
    }
