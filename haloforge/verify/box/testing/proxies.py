"""Proxies, in the tests' process, for the functions, classes and objects of a solution.

One rule says when a verdict is marked as forgeable. Every judgement of the tests is made here, from plain data, or it
is marked. Plain data are the values that cross, what functions and classes that the tests name answer to them, and what
an object that a function returned says about itself, as long as it says one thing. Marked is where code of the solution
decides instead:

- the truth value of what a returned object says, or its answer to a call that was given test data;
- its equality, order or hash, and what it holds, but for dataclasses and enumerations, whose state was told before it
  was asked for;
- its answers about itself, where two of them disagree or cannot be compared, or where a call since then was given the
  answer;
- an object that the tests made, once they compare it after it had a chance to learn what they expect, and objects that
  they found in it.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from ..protocol import codec
from ..protocol.specials import ARITHMETIC, CONVERSIONS, IN_PLACE
from .subject import Subject, inner_subject

MAX_CLASSES = 256
"""Classes of proxies that are kept, by what they can do."""
_READ_DIRECTLY = frozenset(
    ["__name__", "__qualname__", "__doc__", "__wrapped__", "__module__", "__dict__", "__annotations__", "__notes__"]
    + ["__mro__", "__bases__"]
)


def subject_of(value: Any) -> Subject | None:
    """What a proxy stands for; None for any other value."""
    return inner_subject(value) if isinstance(value, SolutionProxy) else None


def _subject(proxy: Any) -> Subject:
    subject: Subject = object.__getattribute__(proxy, "_haloforge_subject")
    return subject


class SolutionProxy:
    """An object, function or class of the solution. Its special methods are those of its class; see `proxy_class`."""

    __slots__ = ("_haloforge_subject",)
    _haloforge_mro: tuple[str, ...] = ()
    """Global names of the classes that the object says it is an instance of."""

    def __init__(self, subject: Subject) -> None:
        object.__setattr__(self, "_haloforge_subject", subject)

    def __getattribute__(self, name: str) -> Any:
        if name in _READ_DIRECTLY:
            return _subject(self).attribute(name)
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        return _subject(self).attribute(name)

    def __setattr__(self, name: str, value: Any) -> None:
        _subject(self).change("set", name, value)

    def __delattr__(self, name: str) -> None:
        _subject(self).change("delete", name)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, type):
            return self_is_class(self, other)
        return _subject(self).compare("eq", other, subject_of(other))

    def __ne__(self, other: object) -> Any:
        subject = _subject(self)
        if "__ne__" in subject.about.special and not isinstance(other, type):
            return subject.compare("ne", other, subject_of(other))
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __lt__(self, other: object) -> Any:
        return _subject(self).compare("lt", other, subject_of(other))

    def __le__(self, other: object) -> Any:
        return _subject(self).compare("le", other, subject_of(other))

    def __gt__(self, other: object) -> Any:
        return _subject(self).compare("gt", other, subject_of(other))

    def __ge__(self, other: object) -> Any:
        return _subject(self).compare("ge", other, subject_of(other))

    def __hash__(self) -> int:
        return _subject(self).hash()

    def __str__(self) -> str:
        return str(_subject(self).look("str"))

    def __repr__(self) -> str:
        return str(_subject(self).look("repr"))

    def __format__(self, spec: str) -> str:
        return str(_subject(self).look("format", spec))

    def __instancecheck__(self, value: object) -> bool:
        return _subject(self).has_instance(value, _names_of(type(value)))

    def __subclasscheck__(self, value: object) -> bool:
        return subject_of(value) is not None and bool(_subject(self).ask("issubclass", value))

    def __copy__(self) -> Any:
        return _subject(self).copied("copy")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _subject(self).copied("deepcopy")


def _names_of(kind: type) -> tuple[str, ...] | None:
    """Of which classes of the solution a value of this class is; None for plain values, which are of none."""
    names = vars(kind).get("_haloforge_mro")
    return names if isinstance(names, tuple) else None


def self_is_class(proxy: SolutionProxy, kind: type) -> bool:
    """Whether a class of proxies is that of the objects of a class of the solution."""
    names = _names_of(kind) or ()
    return bool(names) and names[0] == _subject(proxy).target


def same(left: Any, right: Any) -> bool:
    """`left is right`, for the tests: two proxies may be for one object, and a class may be here and there."""
    one, other = subject_of(left), subject_of(right)
    if one and other:
        return one.is_same(other)
    if one and isinstance(right, type):
        return self_is_class(left, right)
    if other and isinstance(left, type):
        return self_is_class(right, left)
    one, other = inner_subject(left), inner_subject(right)
    return one.is_same(other) if one and other else left is right


def _called(self: SolutionProxy, /, *arguments: Any, **keywords: Any) -> Any:
    return _subject(self).call(arguments, keywords)


def _iterated(self: SolutionProxy) -> Iterator[Any]:
    return _subject(self).iterate(self)


def _advanced(self: SolutionProxy) -> Any:
    value = _subject(self).ask("next")
    _subject(self).doubt(value)
    return value


def _entered(self: SolutionProxy) -> Any:
    return _subject(self).enter(self)


def _left(self: SolutionProxy, kind: Any, error: BaseException | None, trace: Any) -> bool:
    return _subject(self).leave(error)


def _searched(self: SolutionProxy, item: object) -> bool:
    return _subject(self).search(item)


def _sized(self: SolutionProxy) -> int:
    return _subject(self).length()


def _awaitable(operation: str) -> Callable[..., Any]:
    async def method(self: SolutionProxy, *error: Any) -> Any:
        result = await _subject(self).ask(operation)
        subject = subject_of(result)
        return self if subject is not None and subject.target == _subject(self).target else result

    return method


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__call__": _called,
    "__iter__": _iterated,
    "__next__": _advanced,
    "__len__": _sized,
    "__bool__": lambda self: _subject(self).truth(),
    "__contains__": _searched,
    "__getitem__": lambda self, key: _subject(self).item(key),
    "__setitem__": lambda self, key, value: _subject(self).change("put", key, value),
    "__delitem__": lambda self, key: _subject(self).change("drop", key),
    "__enter__": _entered,
    "__exit__": _left,
    "__aenter__": _awaitable("aenter"),
    "__aexit__": _awaitable("aexit"),
    "__aiter__": lambda self: _subject(self).ask("aiter"),
    "__anext__": _awaitable("anext"),
}


def _operator(operation: str) -> Callable[..., Any]:
    def method(self: SolutionProxy, *others: Any) -> Any:
        return _subject(self).compute(operation, *others)

    return method


def _in_place(operation: str) -> Callable[..., Any]:
    def method(self: SolutionProxy, other: Any) -> Any:
        return _subject(self).compute_in_place(self, operation, other)

    return method


_SPECIAL |= {f"__{name}__": _operator(name) for name in (*ARITHMETIC, *CONVERSIONS)}
_SPECIAL |= {f"__{name}__": _in_place(name) for name in IN_PLACE}
_ALWAYS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__str__", "__repr__", "__format__")


@functools.lru_cache(MAX_CLASSES)
def proxy_class(name: str, special: tuple[str, ...], mro: tuple[str, ...], base: str = "") -> type[SolutionProxy]:
    """The class of proxies for objects of a class: its name, its special methods, and its parents' global names.

    `base` is the plain type that it is a subclass of, as `isinstance` will say.
    """
    methods: dict[str, Any] = {key: _SPECIAL[key] for key in special if key in _SPECIAL and key not in _ALWAYS}
    if "__iter__" in special:
        methods["__contains__"] = _searched
    if "unhashable" in special:
        methods["__hash__"] = None
    if base in codec.NAMED_TYPES:
        stand_in = type(name, (codec.NAMED_TYPES[base],), {"__module__": "solution"})
        methods["__class__"] = property(lambda self: stand_in)
    return type(name, (SolutionProxy,), {"__slots__": (), "_haloforge_mro": mro, "__module__": "solution", **methods})


_OF_TYPE = {"__or__", "__ror__", "unhashable", "__hash__", "__eq__", "__repr__", "__str__"}
FUNCTION = proxy_class("function", ("__call__",), ())


def proxy_for(subject: Subject) -> SolutionProxy:
    """The proxy for an object of the solution."""
    if subject.kind == "function" and not subject.about.special:
        return FUNCTION(subject)
    if subject.kind == "class":
        special = {*subject.about.special, "__call__", "__getitem__"} - _OF_TYPE
        return proxy_class("type", tuple(sorted(special)), ())(subject)
    about = subject.about
    return proxy_class(subject.class_name, about.special, about.mro, about.base)(subject)
