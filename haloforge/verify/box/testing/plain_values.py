"""Plain values whose class is the solution's own: a named tuple, a member of an IntEnum, a subclass of dict.

They are copies, judged here by their contents. What their class adds to the plain type is asked for.
"""

import functools
from collections.abc import Callable
from typing import Any

from ..protocol import codec
from ..protocol.specials import ARITHMETIC, COMPARISONS, CONVERSIONS
from .subject import Subject

MAX_CLASSES = 256
_OF_RETURNED = ("__str__", "__repr__", "__format__", "__missing__", "__call__")
"""Special methods that are asked for even where a function returned the value: they answer with data."""
_OF_MADE = frozenset(
    (*_OF_RETURNED, "__getitem__", "__contains__", "__len__", "__iter__", "__bool__")
    + tuple(f"__{name}__" for name in (*ARITHMETIC, *CONVERSIONS, *COMPARISONS))
)


class PlainValue:
    """Mixed into the plain type; attributes that this lacks are the solution's."""

    def __getattr__(self, name: str) -> Any:
        if name == "_haloforge_subject" or (name.startswith("__") and name != "__dict__"):
            raise AttributeError(name)
        subject: Subject = self._haloforge_subject
        return subject.attribute(name)


def plain_value(value: Any, subject: Subject) -> Any:
    """The plain value, with what its class adds to it."""
    base: Any = type(value)
    if base not in codec.PLAIN_BASES:
        return value
    is_flag = base is int and subject.flag is not None
    copy: Any = _class_of(subject.class_name, base, subject.about.own, subject.about.mro, is_flag)(value)
    copy._haloforge_subject = subject
    return copy


def _held(self: Any, item: Any) -> bool:
    """Whether a member of an `IntFlag` holds another one of its class: both are numbers here."""
    if type(item) is not type(self):
        raise TypeError("unsupported operand type(s) for 'in'")
    if not item:
        self._haloforge_subject.solution.mark_forgeable()  # each holds nothing
    return int.__and__(self, item) == int.__int__(item)


_OF_FLAGS: dict[str, Callable[..., Any]] = {
    "__contains__": _held,
    "__len__": lambda self: int.bit_count(self),
    "__iter__": lambda self: self._haloforge_subject.iterate(None),
}


@functools.lru_cache(MAX_CLASSES)
def _class_of(name: str, base: type, own: tuple[str, ...], mro: tuple[str, ...], is_flag: bool) -> type:
    methods: dict[str, Any] = {special: _asking(special, base) for special in own if special in _OF_MADE}
    if is_flag:
        methods |= _OF_FLAGS
    return type(name, (PlainValue, base), {"_haloforge_mro": mro, "__module__": "solution", **methods})


def _asking(special: str, base: type) -> Callable[..., Any]:
    """A special method of the solution's class. Of what a function returned, only those that answer with data."""
    operation = special.strip("_")
    plainly: Any = vars(base).get(special) or getattr(object, special, None)

    def method(self: Any, *others: Any) -> Any:
        subject: Subject = self._haloforge_subject
        if special not in _OF_RETURNED and not subject.of_tests:
            return NotImplemented if plainly is None else plainly(self, *others)
        return _asked(subject, special, operation, others)

    return method


def _asked(subject: Subject, special: str, operation: str, others: tuple[Any, ...]) -> Any:
    if special == "__call__":
        return subject.call(others, {})
    if special in ("__getitem__", "__missing__"):
        return subject.item(*others)
    if operation in COMPARISONS:
        return subject.compare_plainly(operation, *others)
    if operation in ("str", "repr", "format"):
        return str(subject.look(operation, *others))
    if special not in ("__contains__", "__len__", "__iter__", "__bool__"):
        return subject.compute(operation, *others)
    by_name: dict[str, Callable[..., Any]] = {
        "__contains__": subject.search,
        "__len__": subject.length,
        "__iter__": lambda: subject.iterate(None),
        "__bool__": subject.truth,
    }
    return by_name[special](*others)
