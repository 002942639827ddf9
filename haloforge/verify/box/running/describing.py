"""What the tests' process is told about an object of the solution: what it can do, and of which classes it is."""

import dataclasses
import enum
import sys
import types
from typing import Any

from ..protocol import codec
from ..protocol.library_types import MODULES
from ..protocol.specials import specials_of
from .program import MODULE_NAME

MAX_FIELD = 1000
"""Items of a field's value up to which the state of a dataclass goes along with an object."""
_LARGE = codec.MUTABLE | {tuple, str, bytes}


def kind_of(value: Any) -> str:
    """What the tests are told about a value: module, exception, class, function, coroutine or value."""
    if isinstance(value, types.ModuleType):
        return "module:" + value.__name__
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    if isinstance(value, types.CoroutineType):
        return "coroutine"
    is_function = callable(value) and type(value).__module__ != MODULE_NAME and not hasattr(type(value), "__enter__")
    return "function" if is_function else "value"


def library_name(value: Any) -> str:
    """`math.isclose` for that very function; empty for what is not of the library."""
    if not isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
        return ""
    module, name = value.__module__, value.__name__
    if module not in MODULES or vars(sys.modules.get(module, types)).get(name) is not value:
        return ""
    return f"{module}.{name}"


class Describer:
    """Describes each class once, and then by its number."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module
        self._numbers: dict[type, int] = {}

    def of(self, value: Any) -> dict[str, Any]:
        """Its global name if it is a class or function that has one, and what is known of its class.

        That is `type`, a number, and `about` where the tests have not been told of that class yet.
        """
        named: dict[str, Any] = {}
        if isinstance(value, type | types.FunctionType):
            name = value.__name__
            named = {"global": name} if vars(self._module).get(name) is value else {}
            if isinstance(value, type) and issubclass(value, BaseException):
                named["mro"] = [parent.__name__ for parent in value.__mro__]
        return named | self._of_class(value)

    def _of_class(self, value: Any) -> dict[str, Any]:
        kind = type(value)
        if kind_of(value) in ("function", "coroutine") or kind is type:
            return {}
        if kind in self._numbers:
            return {"type": self._numbers[kind]}
        number = self._numbers[kind] = len(self._numbers)
        return {"type": number, "about": self._about(kind)}

    def _about(self, kind: type) -> dict[str, Any]:
        scope = vars(self._module)
        base = next((b for b in codec.PLAIN_BASES if issubclass(kind, b)), object)
        names = [name for parent in kind.__mro__ if (name := parent.__name__) in scope and scope[name] is parent]
        about: dict[str, Any] = {"special": specials_of(kind), "mro": names}
        if base is not object:
            about |= {"base": base.__name__, "own": specials_of(kind, MODULE_NAME)}
        if fields := record_fields(kind):
            about["fields"] = fields
        return about


def record_fields(kind: type) -> list[str] | None:
    """The fields of a dataclass whose instances are equal when all that they were made from is equal, else None."""
    parameters = getattr(kind, "__dataclass_params__", None)
    own = vars(kind)
    if parameters is None or not parameters.eq or not parameters.init or hasattr(kind, "__post_init__"):
        return None
    if not all(_is_generated(own.get(name)) for name in ("__eq__", "__init__")):
        return None
    fields = dataclasses.fields(kind)
    return [field.name for field in fields] if all(field.init and field.compare for field in fields) else None


def _is_generated(method: Any) -> bool:
    """Whether `dataclass` wrote this method."""
    return isinstance(method, types.FunctionType) and method.__code__.co_filename == "<string>"


def state_of(value: Any) -> list[Any] | None:
    """The values of the fields of such a dataclass; None if it is not one, or large."""
    names = record_fields(type(value))
    if names is None:
        return None
    values = [getattr(value, name) for name in names]
    return None if any(len(v) > MAX_FIELD for v in values if type(v) in _LARGE) else values


_OF_FLAGS = ("__contains__", "__eq__", "__hash__", "__getattribute__")
MAX_FLAG = 1 << 62
"""Below this is the number of a flag that goes along with it; JSON carries it as it is."""


def flag_of(value: Any) -> int | None:
    """The number of a member of an enumeration of flags that says as the library does what it holds; else None."""
    kind = type(value)
    if not isinstance(value, enum.Flag):
        return None
    library = enum.IntFlag.__mro__
    if any(name in vars(parent) for parent in kind.__mro__ if parent not in library for name in _OF_FLAGS):
        return None
    number = value._value_
    return number if type(number) is int and 0 <= number < MAX_FLAG else None


def members_of(kind: Any) -> dict[str, Any] | None:
    """The members of an enumeration by name, aliases too; None for anything else."""
    return dict(kind.__members__) if isinstance(kind, enum.EnumMeta) else None
