"""What a solution may do with the functions and objects that its tests pass to it: what they are for, no more."""

import functools
import operator
import types
from collections.abc import Callable
from typing import Any

from ..protocol import codec
from .suite import REACHING_NAMES

OWNERS = ("tests", "__main__")
"""Names of the module that tests run as; the second for those that ask for it."""


def use(operation: str, subject: Any, args: list[Any]) -> Any:
    """Only calls of functions, and public data and methods of instances of classes that the tests define."""
    if operation == "call" and _may_be_called(subject):
        return subject(*args)
    if type(subject).__module__ not in OWNERS:
        raise TypeError("this object cannot be used by a solution")
    if operation in ("get", "set") and (not isinstance(args[0], str) or args[0].startswith("_")):
        raise AttributeError(args[0])
    if operation == "set" and callable(getattr(subject, args[0], None)):
        raise AttributeError(f"{args[0]} is a method")  # the tests may judge by it
    return _OPERATIONS[operation](subject, *args)


_CALLABLE_TYPES = (
    types.FunctionType,
    types.MethodType,
    functools.partial,
    operator.itemgetter,
    operator.attrgetter,
    operator.methodcaller,
)
_MODULES_OF_CLASSES = (*OWNERS, "builtins", "collections", "decimal", "fractions", "datetime")
_MODULES_OF_FUNCTIONS = ("builtins", "math", "cmath", "_operator", "_functools", "time")


def _may_be_called(subject: Any) -> bool:
    """Whether a solution that was given this by its tests can do nothing with it but what the tests meant."""
    if isinstance(subject, type):
        return subject.__module__ in _MODULES_OF_CLASSES and not issubclass(subject, type)
    if isinstance(subject, types.BuiltinFunctionType) and isinstance(subject.__self__, types.ModuleType):
        return subject.__self__.__name__ in _MODULES_OF_FUNCTIONS and subject.__name__ not in REACHING_NAMES
    if isinstance(subject, types.MethodDescriptorType):
        return "format" not in subject.__name__  # which reads attributes that its text names
    return isinstance(subject, (*_CALLABLE_TYPES, types.BuiltinFunctionType))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda subject, *args: subject(*args),
    "get": getattr,
    "set": setattr,
    "len": len,
    "bool": bool,
    "list": list,
    "item": operator.getitem,
    "str": str,
    **codec.OPERATORS,
    "neg": operator.neg,
    "contains": operator.contains,
}
