"""What a solution may do with functions and objects that its tests pass to it: call them, use their public data."""

import functools
import operator
import types
from collections.abc import Callable
from typing import Any

from ..protocol import codec
from .suite import REACHING_NAMES

TEST_MODULES = ("tests", "__main__")
"""Names of the module that tests run as; the second is for tests of kind `program`, which may ask for it."""


def use(operation: str, subject: Any, args: list[Any]) -> Any:
    """One operation: calls of functions, or public data and methods of instances of classes that the tests define.

    Raises TypeError or AttributeError for anything else, and whatever the operation itself raises.
    """
    if operation == "call" and _may_be_called(subject):
        return subject(*args)
    if type(subject).__module__ not in TEST_MODULES:
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
_MODULES_OF_CLASSES = (*TEST_MODULES, "builtins", "collections", "decimal", "fractions", "datetime")
_MODULES_OF_FUNCTIONS = ("builtins", "math", "cmath", "_operator", "_functools", "time")


def _may_be_called(subject: Any) -> bool:
    """Whether calling this does what the tests meant and reaches nothing else."""
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
