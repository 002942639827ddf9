"""Values that cross between the solution's process and the tests' process: plain data, copied with its exact type.

JSON carries None, bool, int, float (with NaN and infinities), str and list as they are; everything else is an object
with one key, its tag. What has no plain form crosses as a handle: a number that stands for an object of the other
process. So no `__eq__`, `__hash__` or other method of a hostile class is ever called where the verdict is made.
"""

import collections
import datetime
import decimal
import fractions
import operator
import re
import sys
from collections.abc import Callable
from typing import Any

BIG = 1 << 62
"""Integers from here on cross in hexadecimal: JSON readers limit the digits of a decimal number."""

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in ("eq", "lt", "le", "gt", "ge", "add", "sub", "mul")
}
"""What both processes may do with two objects of the other's."""
PLAIN_BASES = (int, float, str, bytes, bytearray, tuple, list, dict, set, frozenset)
NAMED_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        dict,
        set,
        frozenset,
        object,
        type(None),
        range,
    )
}
_NAMES_OF_TYPES = {t: name for name, t in NAMED_TYPES.items()}

Keep = Callable[[Any], dict[str, Any]]
"""Exports an object that has no plain form: returns its tagged handle."""


MUTABLE = (
    list,
    dict,
    set,
    bytearray,
    collections.Counter,
    collections.OrderedDict,
    collections.defaultdict,
    collections.deque,
)
"""Arguments of these types that a call changed in place are changed in the caller's process too."""


def encode(value: Any, keep: Keep) -> Any:
    """What JSON can carry of `value`. Raises RecursionError for a value that contains itself."""
    kind = type(value)
    if kind in (str, bool, float) or value is None:
        return value
    if kind is int:
        return value if -BIG < value < BIG else {"int": hex(value)}
    if kind is list:
        return [encode(item, keep) for item in value]
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, keep)
    if "numpy" in sys.modules:
        tagged = _encode_numpy(value)
        if tagged is not None:
            return tagged
    for base in PLAIN_BASES:
        if isinstance(value, base):
            return keep(value) | {"plain": encode(_as_base(value, base), keep)}
    return keep(value)


def _as_base(value: Any, base: type) -> Any:
    """The plain value inside an instance of a subclass, without asking any method of that subclass."""
    if base in _EXACT:
        return _EXACT[base](value)
    return base(dict.items(value) if base is dict else base.__iter__(value))  # type: ignore[attr-defined]


_EXACT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}


def _items(value: Any, keep: Keep) -> list[Any]:
    return [encode(item, keep) for item in value]


def _pairs(value: Any, keep: Keep) -> list[Any]:
    return [[encode(k, keep), encode(v, keep)] for k, v in value.items()]


def _encode_default_dict(value: Any, keep: Keep) -> Any:
    factory = _NAMES_OF_TYPES.get(value.default_factory)
    return {"defaultdict": [factory, _pairs(value, keep)]}


def _encode_type(value: Any, keep: Keep) -> Any:
    name = _NAMES_OF_TYPES.get(value)
    return {"type": name} if name else keep(value)


_ENCODERS: dict[type, Callable[[Any, Keep], Any]] = {
    tuple: lambda v, keep: {"tuple": _items(v, keep)},
    dict: lambda v, keep: {"dict": _pairs(v, keep)},
    set: lambda v, keep: {"set": _items(v, keep)},
    frozenset: lambda v, keep: {"frozenset": _items(v, keep)},
    bytes: lambda v, keep: {"bytes": v.hex()},
    bytearray: lambda v, keep: {"bytearray": v.hex()},
    complex: lambda v, keep: {"complex": [v.real, v.imag]},
    range: lambda v, keep: {"range": [encode(n, keep) for n in (v.start, v.stop, v.step)]},
    decimal.Decimal: lambda v, keep: {"Decimal": str(v)},
    fractions.Fraction: lambda v, keep: {"Fraction": [encode(v.numerator, keep), encode(v.denominator, keep)]},
    collections.Counter: lambda v, keep: {"Counter": _pairs(v, keep)},
    collections.OrderedDict: lambda v, keep: {"OrderedDict": _pairs(v, keep)},
    collections.defaultdict: _encode_default_dict,
    collections.deque: lambda v, keep: {"deque": [_items(v, keep), v.maxlen]},
    type({}.keys()): lambda v, keep: {"keys": _items(v, keep)},
    type({}.values()): lambda v, keep: {"values": _items(v, keep)},
    type({}.items()): lambda v, keep: {"items": _items(v, keep)},
    datetime.date: lambda v, keep: {"date": v.isoformat()},
    datetime.time: lambda v, keep: {"time": v.isoformat()},
    datetime.datetime: lambda v, keep: {"datetime": v.isoformat()},
    datetime.timedelta: lambda v, keep: {"timedelta": [v.days, v.seconds, v.microseconds]},
    type(...): lambda v, keep: {"Ellipsis": 0},
    type(NotImplemented): lambda v, keep: {"NotImplemented": 0},
    type: _encode_type,
}


def _encode_numpy(value: Any) -> Any:
    """Arrays and scalars of numbers, booleans and strings; None for anything else."""
    numpy = sys.modules["numpy"]
    if type(value) is numpy.ndarray and value.dtype.kind in "biufcU":
        flat = value.ravel()
        data = [[float(c.real), float(c.imag)] for c in flat] if value.dtype.kind == "c" else flat.tolist()
        return {"ndarray": [value.dtype.str, list(value.shape), data]}
    if isinstance(value, numpy.generic) and type(value).__module__ == "numpy" and value.dtype.kind in "biufcU":
        item = value.item()
        return {"scalar": [value.dtype.str, [item.real, item.imag] if value.dtype.kind == "c" else item]}
    return None


Find = Callable[[dict[str, Any]], Any]
"""Turns a handle back into an object: a stand-in, or the exported object itself when it comes home."""


def decode(value: Any, find: Find) -> Any:
    """Inverse of `encode`. Raises ValueError, TypeError or KeyError for what no honest encoder writes."""
    if type(value) is list:
        return [decode(item, find) for item in value]
    if type(value) is not dict:
        return value
    if "handle" in value or "home" in value:
        return find(value)
    ((tag, body),) = value.items()
    return _DECODERS[tag](body, find)


def _decoded_pairs(body: Any, find: Find) -> list[tuple[Any, Any]]:
    return [(decode(k, find), decode(v, find)) for k, v in body]


def _decode_default_dict(body: Any, find: Find) -> Any:
    factory = None if body[0] is None else NAMED_TYPES[body[0]]
    return collections.defaultdict(factory, _decoded_pairs(body[1], find))


def _decode_array(body: Any, find: Find) -> Any:
    import numpy

    kind, shape, data = body
    dtype = _checked_dtype(kind)
    values = [complex(*c) for c in data] if dtype.kind == "c" else data
    return numpy.array(values, dtype=dtype).reshape([int(n) for n in shape])


def _decode_scalar(body: Any, find: Find) -> Any:
    dtype = _checked_dtype(body[0])
    return dtype.type(complex(*body[1]) if dtype.kind == "c" else body[1])


def _checked_dtype(text: str) -> Any:
    import numpy

    if not re.fullmatch(r"[<>|=](?:[biufc]\d{1,2}|U\d{1,4})", text):
        raise ValueError(f"dtype {text}")
    return numpy.dtype(text)


_DECODERS: dict[str, Callable[[Any, Find], Any]] = {
    "int": lambda b, find: int(b, 16),
    "tuple": lambda b, find: tuple(decode(item, find) for item in b),
    "dict": lambda b, find: dict(_decoded_pairs(b, find)),
    "set": lambda b, find: {decode(item, find) for item in b},
    "frozenset": lambda b, find: frozenset(decode(item, find) for item in b),
    "bytes": lambda b, find: bytes.fromhex(b),
    "bytearray": lambda b, find: bytearray.fromhex(b),
    "complex": lambda b, find: complex(*b),
    "range": lambda b, find: range(*(decode(n, find) for n in b)),
    "Decimal": lambda b, find: decimal.Decimal(b),
    "Fraction": lambda b, find: fractions.Fraction(decode(b[0], find), decode(b[1], find)),
    "Counter": lambda b, find: collections.Counter(dict(_decoded_pairs(b, find))),
    "OrderedDict": lambda b, find: collections.OrderedDict(_decoded_pairs(b, find)),
    "defaultdict": _decode_default_dict,
    "deque": lambda b, find: collections.deque([decode(item, find) for item in b[0]], b[1]),
    "keys": lambda b, find: dict.fromkeys(decode(item, find) for item in b).keys(),
    "values": lambda b, find: dict(enumerate(decode(item, find) for item in b)).values(),
    "items": lambda b, find: dict(decode(item, find) for item in b).items(),
    "date": lambda b, find: datetime.date.fromisoformat(b),
    "time": lambda b, find: datetime.time.fromisoformat(b),
    "datetime": lambda b, find: datetime.datetime.fromisoformat(b),
    "timedelta": lambda b, find: datetime.timedelta(*b),
    "Ellipsis": lambda b, find: ...,
    "NotImplemented": lambda b, find: NotImplemented,
    "type": lambda b, find: NAMED_TYPES[b],
    "ndarray": _decode_array,
    "scalar": _decode_scalar,
}
