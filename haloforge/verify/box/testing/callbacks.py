"""What a solution may do with functions and objects that its tests pass to it: call them, use their public data."""

import functools
import operator
import re
import types
from collections.abc import Callable, Iterator
from typing import Any

from ..protocol.specials import OPERATIONS
from .suite import REACHING_NAMES

TEST_MODULES = ("tests", "__main__")
"""Names of the module that tests run as; the second is for tests of kind `program`, which may ask for it."""


class Refused(TypeError):
    """A solution may not do that with this object."""


def use(operation: str, subject: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """One operation: calls of functions, or public data and methods of instances of classes that the tests define.

    Raises Refused for anything else, and whatever the operation itself raises.
    """
    if operation == "call" and _may_be_called(subject):
        return subject(*args, **kwargs)
    if operation in ("iter", "next") and isinstance(subject, Iterator):
        return _OPERATIONS[operation](subject)
    if _is_mock(subject):
        return _use_mock(operation, subject, args)
    if type(subject).__module__ not in TEST_MODULES or operation not in _OPERATIONS:
        raise Refused("this object cannot be used by a solution")
    if operation in ("get", "set", "delete") and (not isinstance(args[0], str) or args[0].startswith("_")):
        raise AttributeError(args[0])
    if operation in ("set", "delete") and callable(getattr(subject, args[0], None)):
        raise Refused(f"{args[0]} is a method")  # the tests may judge by it
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


_OF_THE_TESTS = re.compile("assert_|call|mock|method_calls|return_value|side_effect|reset_|configure_|attach_|_|called")
"""Beginnings of names by which tests ask a mock what was done with it, or say what it does."""


_PLAIN = (int, float, str, bytes, list, tuple, dict, set, type(None))


def _is_mock(subject: Any) -> bool:
    return any(kind.__module__ == "unittest.mock" for kind in type(subject).__mro__)


def _use_mock(operation: str, subject: Any, args: list[Any]) -> Any:
    """A mock may be called and read; what it has recorded, and what it is to do, is the tests' own."""
    if operation in ("get", "set") and isinstance(args[0], str) and _OF_THE_TESTS.match(args[0]):
        raise Refused(f"{args[0]} is for the tests")
    if operation == "set" and not isinstance(args[1], _PLAIN):
        raise Refused("only plain data can be put into a mock")  # anything else could say that it was called
    if operation not in _OPERATIONS:
        raise Refused("this object cannot be used by a solution")
    return _OPERATIONS[operation](subject, *args)


def _may_be_called(subject: Any) -> bool:
    """Whether calling this does what the tests meant and reaches nothing else."""
    if _is_mock(subject):
        return True
    if isinstance(subject, type):
        return subject.__module__ in _MODULES_OF_CLASSES and not issubclass(subject, type)
    if isinstance(subject, types.BuiltinFunctionType) and isinstance(subject.__self__, types.ModuleType):
        return subject.__self__.__name__ in _MODULES_OF_FUNCTIONS and subject.__name__ not in REACHING_NAMES
    if isinstance(subject, types.MethodDescriptorType):
        return "format" not in subject.__name__  # which reads attributes that its text names
    return isinstance(subject, (*_CALLABLE_TYPES, types.BuiltinFunctionType))


def _left(subject: Any) -> None:
    type(subject).__exit__(subject, None, None, None)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    **OPERATIONS,
    "call": lambda subject, *args: subject(*args),
    "enter": lambda subject: type(subject).__enter__(subject),
    "exit": _left,
}
