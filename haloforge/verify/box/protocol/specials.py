"""Special methods: what either process may ask the other to do with one of its objects, and how a class is described.

A proxy has the special methods of what it stands for, no more, so that `callable`, `isinstance(x, Iterable)` and the
order in which Python tries operators mean the same on both sides.
"""

import copy
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift", "and_", "xor", "or_"]
_BY_OPERATOR: dict[str, Callable[..., Any]] = {
    **{name.rstrip("_"): getattr(operator, name) for name in _BINARY},
    "divmod": divmod,
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
ARITHMETIC = (*_BY_OPERATOR, *("r" + name for name in _BY_OPERATOR))
IN_PLACE = tuple("i" + name.rstrip("_") for name in _BINARY)
CONVERSIONS: dict[str, Callable[..., Any]] = {
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "invert": operator.invert,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "round": round,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "bytes": bytes,
    "reversed": reversed,
}
"""One object in, one value out."""


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda subject, other: function(other, subject)


OPERATIONS: dict[str, Callable[..., Any]] = {
    **_BY_OPERATOR,
    **{"r" + name: _reflected(function) for name, function in _BY_OPERATOR.items()},
    **{"i" + name.rstrip("_"): getattr(operator, "i" + name.rstrip("_")) for name in _BINARY},
    **{name: getattr(operator, name) for name in COMPARISONS},
    **CONVERSIONS,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "hash": hash,
    "format": format,
    "iter": iter,
    "next": next,
    "contains": operator.contains,
    "item": operator.getitem,
    "put": operator.setitem,
    "drop": operator.delitem,
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
_OTHER_NAMES = {"contains": "contains", "getitem": "item", "setitem": "put", "delitem": "drop"}
OPERATION_OF: dict[str, str] = {
    **{f"__{name}__": name for name in (*ARITHMETIC, *IN_PLACE, *CONVERSIONS, "len", "bool", "iter", "next", "format")},
    **{f"__{name}__": operation for name, operation in _OTHER_NAMES.items()},
}
"""The operation that stands for a special method, by its name."""
OTHERS = ("__call__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__", "__missing__")
"""Special methods that are more than one operation."""
OWN_IF_DEFINED = (*(f"__{name}__" for name in COMPARISONS), "__hash__", "__str__", "__repr__")
"""Those that every object has; of interest is whether a class has one of its own."""


def specials_of(kind: type, module: str = "") -> list[str]:
    """Which special methods the instances of a class have; with `module`, only those of classes of that module."""
    parents = [parent for parent in kind.__mro__[:-1] if not module or parent.__module__ == module]
    names = {name for parent in parents for name in vars(parent)}
    found = [name for name in (*OPERATION_OF, *OTHERS, *OWN_IF_DEFINED) if name in names and name != "__format__"]
    if "__eq__" in names and kind.__hash__ is None:
        found.append("unhashable")
    return [*found, "__format__"] if "__format__" in names else found


def methods_of(specials: Iterable[str], make: Callable[[str], Any]) -> dict[str, Any]:
    """The special methods of a proxy, each made from the name of its operation."""
    return {name: make(OPERATION_OF[name]) for name in specials if name in OPERATION_OF}
