"""Values that cross between the solution's process and the tests' process: plain data, copied with its exact type.

JSON carries None, bool, int, float (with NaN and infinities), str and list as they are; everything else is an object
with one key, its tag. What has no plain form crosses as a handle: a number that stands for an object of the other
process. So no `__eq__`, `__hash__` or other method of a hostile class is ever called where the verdict is made.
"""

import array
import collections
import datetime
import decimal
import fractions
import io
import re
import sys
from collections.abc import Callable
from typing import Any

HEXADECIMAL_FROM = 1 << 62
"""Integers of this size or more cross in hexadecimal: JSON readers limit the digits of a decimal number."""

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

MAX_INTEGER_BITS = 1 << 22
MAX_FRACTION_BITS = 1 << 16
MAX_DECIMAL_DIGITS = 100_000
"""Of a decimal number, before and behind the point alike: int() of more would take quadratic time."""
MAX_ARRAY_BYTES = 1 << 28
MAX_ALIKE = 64
"""Different members of one set, or keys of one dict, that may share a hash. Honest values share it by twos."""


class TooLarge(ValueError):
    """A claimed value that would cost more than its honest use is worth; the process that judges must live."""


Export = Callable[[Any], dict[str, Any]]
"""Exports an object that has no plain form: returns its tagged handle."""


MUTABLE = frozenset(
    (
        list,
        dict,
        set,
        bytearray,
        collections.Counter,
        collections.OrderedDict,
        collections.defaultdict,
        collections.deque,
        collections.UserDict,
        collections.UserList,
        array.array,
        io.StringIO,
        io.BytesIO,
    )
)
"""Arguments of these types that a call changed in place are changed in the caller's process too."""


def is_array(value: Any) -> bool:
    """Whether it is an array of numpy's own class."""
    return "numpy" in sys.modules and type(value) is sys.modules["numpy"].ndarray


def identified(value: Any) -> Any:
    """What JSON can carry of it, with other objects by their id: to see whether anything in it changed."""
    return encode(value, lambda item: {"id": id(item)})


def encode(value: Any, export: Export) -> Any:
    """What JSON can carry of `value`. Raises RecursionError for a value that contains itself."""
    kind = type(value)
    if kind in (str, bool, float) or value is None:
        return value
    if kind is int:
        return value if -HEXADECIMAL_FROM < value < HEXADECIMAL_FROM else {"int": hex(value)}
    if kind is list:
        return [encode(item, export) for item in value]
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, export)
    if "numpy" in sys.modules:
        tagged = _encode_numpy(value)
        if tagged is not None:
            return tagged
    for base in PLAIN_BASES:
        if isinstance(value, base):
            return export(value) | {"plain": encode(_as_base(value, base), export)}
    encoder = _ENCODERS_BY_NAME.get((kind.__module__, kind.__name__))
    if encoder is not None and vars(sys.modules.get(kind.__module__, sys)).get(kind.__name__) is kind:
        return encoder(value, export)
    return export(value)


def content_of(value: Any) -> Any:
    """The plain value inside an instance of a subclass of a plain type. Raises TypeError for any other object."""
    for base in PLAIN_BASES:
        if isinstance(value, base):
            return _as_base(value, base)
    raise TypeError("no plain value")


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


def _items(value: Any, export: Export) -> list[Any]:
    return [encode(item, export) for item in value]


def _pairs(value: Any, export: Export) -> list[Any]:
    return [[encode(k, export), encode(v, export)] for k, v in value.items()]


def _encode_default_dict(value: Any, export: Export) -> Any:
    factory = _NAMES_OF_TYPES.get(value.default_factory)
    return {"defaultdict": [factory, _pairs(value, export)]}


def _encode_type(value: Any, export: Export) -> Any:
    name = _NAMES_OF_TYPES.get(value)
    return {"type": name} if name else export(value)


_ENCODERS: dict[type, Callable[[Any, Export], Any]] = {
    tuple: lambda v, export: {"tuple": _items(v, export)},
    dict: lambda v, export: {"dict": _pairs(v, export)},
    set: lambda v, export: {"set": _items(v, export)},
    frozenset: lambda v, export: {"frozenset": _items(v, export)},
    bytes: lambda v, export: {"bytes": v.hex()},
    bytearray: lambda v, export: {"bytearray": v.hex()},
    complex: lambda v, export: {"complex": [v.real, v.imag]},
    range: lambda v, export: {"range": [encode(n, export) for n in (v.start, v.stop, v.step)]},
    decimal.Decimal: lambda v, export: {"Decimal": str(v)},
    fractions.Fraction: lambda v, export: {"Fraction": [encode(v.numerator, export), encode(v.denominator, export)]},
    collections.Counter: lambda v, export: {"Counter": _pairs(v, export)},
    collections.OrderedDict: lambda v, export: {"OrderedDict": _pairs(v, export)},
    collections.defaultdict: _encode_default_dict,
    collections.deque: lambda v, export: {"deque": [_items(v, export), v.maxlen]},
    type({}.keys()): lambda v, export: {"keys": _items(v, export)},
    type({}.values()): lambda v, export: {"values": _items(v, export)},
    type({}.items()): lambda v, export: {"items": _items(v, export)},
    datetime.date: lambda v, export: {"date": v.isoformat()},
    datetime.time: lambda v, export: {"time": v.isoformat()},
    datetime.datetime: lambda v, export: {"datetime": v.isoformat()},
    datetime.timedelta: lambda v, export: {"timedelta": [v.days, v.seconds, v.microseconds]},
    type(...): lambda v, export: {"Ellipsis": 0},
    type(NotImplemented): lambda v, export: {"NotImplemented": 0},
    type: _encode_type,
}


_ENCODERS_BY_NAME: dict[tuple[str, str], Callable[[Any, Export], Any]] = {}


def _encode_numpy(value: Any) -> Any:
    """Arrays and scalars of numbers, booleans and strings; None for anything else."""
    numpy = sys.modules["numpy"]
    if type(value) is numpy.ndarray and value.dtype.kind in "mM":
        return {"ndarray": [value.dtype.str, list(value.shape), value.ravel().astype("int64").tolist()]}
    if type(value) is numpy.ndarray and value.dtype.kind in "biufcU":
        flat = value.ravel()
        data = [[float(c.real), float(c.imag)] for c in flat] if value.dtype.kind == "c" else flat.tolist()
        return {"ndarray": [value.dtype.str, list(value.shape), data]}
    if isinstance(value, numpy.generic) and type(value).__module__ == "numpy" and value.dtype.kind in "biufcUmM":
        item = int(value.astype("int64")) if value.dtype.kind in "mM" else value.item()
        return {"scalar": [value.dtype.str, [item.real, item.imag] if value.dtype.kind == "c" else item]}
    return None


Resolve = Callable[[dict[str, Any]], Any]
"""Turns a handle back into an object: a proxy, or the exported object itself when it comes home."""


def decode(value: Any, resolve: Resolve) -> Any:
    """Inverse of `encode`, in time linear in the message.

    Raises ValueError, TypeError or KeyError for what no honest encoder writes, TooLarge for what is larger than the
    bounds above.
    """
    if type(value) is list:
        return [decode(item, resolve) for item in value]
    if type(value) is not dict:
        return value
    if "handle" in value or "home" in value or "exception" in value:
        return resolve(value)
    ((tag, body),) = value.items()
    return _DECODERS[tag](body, resolve)


def _decoded_pairs(body: Any, resolve: Resolve) -> list[tuple[Any, Any]]:
    keys = _members([k for k, _ in body], resolve)
    return list(zip(keys, [decode(v, resolve) for _, v in body], strict=True))


def _members(body: Any, resolve: Resolve) -> list[Any]:
    """What a set or a dict is to hold. Members made to have one hash would take quadratic time there."""
    members = [decode(item, resolve) for item in body]
    if len(members) > MAX_ALIKE:
        alike = collections.Counter(map(str, map(hash, members)))  # text cannot be made to collide
        if max(alike.values()) > MAX_ALIKE:
            raise TooLarge(f"more than {MAX_ALIKE} members of one hash")
    return members


def _decode_integer(body: str) -> int:
    if len(body) * 4 > MAX_INTEGER_BITS + 16:
        raise TooLarge(f"an integer of about {len(body) * 4} bits")
    return int(body, 16)


def _decode_fraction(body: Any, resolve: Resolve) -> Any:
    numerator, denominator = (decode(part, resolve) for part in body)
    if max(numerator.bit_length(), denominator.bit_length()) > MAX_FRACTION_BITS:
        raise TooLarge(f"a fraction of more than {MAX_FRACTION_BITS} bits")
    return fractions.Fraction(numerator, denominator)


def _decode_decimal(body: str) -> decimal.Decimal:
    number = decimal.Decimal(body) if len(body) <= MAX_DECIMAL_DIGITS + 32 else None
    if number is None or (number.is_finite() and abs(number.adjusted()) > MAX_DECIMAL_DIGITS):
        raise TooLarge(f"a decimal number of more than {MAX_DECIMAL_DIGITS} digits")
    return number


def _decode_default_dict(body: Any, resolve: Resolve) -> Any:
    factory = None if body[0] is None else NAMED_TYPES[body[0]]
    return collections.defaultdict(factory, _decoded_pairs(body[1], resolve))


def _decode_array(body: Any, resolve: Resolve) -> Any:
    import numpy

    kind, shape, data = body
    dtype = _checked_dtype(kind)
    if len(data) * dtype.itemsize > MAX_ARRAY_BYTES:
        raise TooLarge(f"an array of more than {MAX_ARRAY_BYTES >> 20} MiB")
    values = [complex(*c) for c in data] if dtype.kind == "c" else data
    array = numpy.array(values, dtype="int64").view(dtype) if dtype.kind in "mM" else numpy.array(values, dtype=dtype)
    return array.reshape([int(n) for n in shape])


def _decode_scalar(body: Any, resolve: Resolve) -> Any:
    dtype = _checked_dtype(body[0])
    if dtype.kind in "mM":
        return _decode_array([body[0], [], [body[1]]], resolve)[()]
    return dtype.type(complex(*body[1]) if dtype.kind == "c" else body[1])


def _checked_dtype(text: str) -> Any:
    import numpy

    if not re.fullmatch(r"[<>|=](?:[biufc]\d{1,2}|U\d{1,4}|[mM]8(?:\[\d{0,9}[A-Za-z]{1,2}\])?)", text):
        raise ValueError(f"dtype {text}")
    return numpy.dtype(text)


_DECODERS: dict[str, Callable[[Any, Resolve], Any]] = {
    "int": lambda b, resolve: _decode_integer(b),
    "tuple": lambda b, resolve: tuple(decode(item, resolve) for item in b),
    "dict": lambda b, resolve: dict(_decoded_pairs(b, resolve)),
    "set": lambda b, resolve: set(_members(b, resolve)),
    "frozenset": lambda b, resolve: frozenset(_members(b, resolve)),
    "bytes": lambda b, resolve: bytes.fromhex(b),
    "bytearray": lambda b, resolve: bytearray.fromhex(b),
    "complex": lambda b, resolve: complex(*b),
    "range": lambda b, resolve: range(*(decode(n, resolve) for n in b)),
    "Decimal": lambda b, resolve: _decode_decimal(b),
    "Fraction": _decode_fraction,
    "Counter": lambda b, resolve: collections.Counter(dict(_decoded_pairs(b, resolve))),
    "OrderedDict": lambda b, resolve: collections.OrderedDict(_decoded_pairs(b, resolve)),
    "defaultdict": _decode_default_dict,
    "deque": lambda b, resolve: collections.deque([decode(item, resolve) for item in b[0]], b[1]),
    "keys": lambda b, resolve: dict.fromkeys(_members(b, resolve)).keys(),
    "values": lambda b, resolve: dict(enumerate(decode(item, resolve) for item in b)).values(),
    "items": lambda b, resolve: dict(_decoded_pairs([item["tuple"] for item in b], resolve)).items(),
    "date": lambda b, resolve: datetime.date.fromisoformat(b),
    "time": lambda b, resolve: datetime.time.fromisoformat(b),
    "datetime": lambda b, resolve: datetime.datetime.fromisoformat(b),
    "timedelta": lambda b, resolve: datetime.timedelta(*b),
    "Ellipsis": lambda b, resolve: ...,
    "NotImplemented": lambda b, resolve: NotImplemented,
    "type": lambda b, resolve: NAMED_TYPES[b],
    "ndarray": _decode_array,
    "scalar": _decode_scalar,
}


def register(tag: str, decoder: Callable[[Any, Resolve], Any], kind: type | None = None, encoder: Any = None) -> None:
    """Let values of one more type cross, under a tag of their own."""
    _DECODERS[tag] = decoder
    if kind is not None:
        _ENCODERS[kind] = lambda value, export: {tag: encoder(value, export)}


def register_by_name(module: str, name: str, decoder: Callable[[Any, Resolve], Any], encoder: Any) -> None:
    """The same for the class of that name, where its module need not be loaded yet."""
    _DECODERS[name] = decoder
    _ENCODERS_BY_NAME[module, name] = lambda value, export: {name: encoder(value, export)}


def register_type(kind: type) -> None:
    """Let a class itself cross, by its name."""
    NAMED_TYPES.setdefault(kind.__name__, kind)
    _NAMES_OF_TYPES.setdefault(kind, kind.__name__)
