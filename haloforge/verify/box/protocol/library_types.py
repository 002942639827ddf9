"""Values of the standard library that are plain data too: they cross as copies, as `codec` lets the builtin ones."""

import array
import builtins
import collections
import datetime
import decimal
import fractions
import importlib
import io
import itertools
import pathlib
import re
import types
from collections.abc import Callable
from typing import Any

from . import codec, matches

MODULES = frozenset(
    [
        *["_collections", "_functools", "_operator", "cmath", "collections", "copy", "datetime", "decimal"],
        *["fractions", "functools", "heapq", "itertools", "math", "operator", "re", "statistics", "string"],
    ]
)
"""Modules whose functions and classes tests may be given from their own library instead of from the solution."""

MAX_PATTERN = 10_000
"""Characters of a regular expression that crosses."""


def _by(function: Callable[..., Any]) -> Callable[[Any, codec.Resolve], Any]:
    """A decoder that decodes a list of arguments for `function`."""
    return lambda body, resolve: function(*(codec.decode(item, resolve) for item in body))


def _as(*arguments: Callable[[Any], Any]) -> Callable[[Any, codec.Export], Any]:
    """An encoder that encodes what each of these functions says of the value."""
    return lambda value, export: [codec.encode(argument(value), export) for argument in arguments]


def _stream(kind: type) -> Callable[[Any, int], Any]:
    def stream(content: Any, position: int) -> Any:
        made = kind(content)
        made.seek(max(0, min(position, len(content))))
        return made

    return stream


def _chain(maps: list[Any]) -> Any:
    return collections.ChainMap(*maps)


def _zone(offset: datetime.timedelta, name: str) -> datetime.timezone:
    return datetime.UTC if not offset else datetime.timezone(offset, name)


def _pattern(body: Any, resolve: codec.Resolve) -> Any:
    text, flags = (codec.decode(part, resolve) for part in body)
    if len(text) > MAX_PATTERN:
        raise codec.TooLarge(f"a regular expression of more than {MAX_PATTERN} characters")
    return re.compile(text, flags)


def _in_words(module: str, name: str) -> None:
    """Let an object of a class of that module cross by its text, from which it can be made again."""

    def made(body: Any, resolve: codec.Resolve) -> Any:
        return vars(importlib.import_module(module))[name](str(body))

    codec.register_by_name(module, name, made, lambda value, export: str(value))


_ODD: collections.OrderedDict[Any, Any] = collections.OrderedDict()
_TYPES: list[tuple[type, Callable[..., Any], Callable[[Any, codec.Export], Any]]] = [
    (slice, slice, _as(lambda v: v.start, lambda v: v.stop, lambda v: v.step)),
    (array.array, array.array, _as(lambda v: v.typecode, lambda v: v.tolist())),
    (collections.UserDict, collections.UserDict, _as(lambda v: v.data)),
    (collections.UserList, collections.UserList, _as(lambda v: v.data)),
    (collections.UserString, collections.UserString, _as(lambda v: v.data)),
    (collections.ChainMap, _chain, _as(lambda v: list(v.maps))),
    (types.MappingProxyType, lambda d: types.MappingProxyType(d), _as(dict)),
    (io.StringIO, _stream(io.StringIO), _as(lambda v: v.getvalue(), lambda v: v.tell())),
    (io.BytesIO, _stream(io.BytesIO), _as(lambda v: v.getvalue(), lambda v: v.tell())),
    (datetime.timezone, _zone, _as(lambda v: v.utcoffset(None), lambda v: v.tzname(None))),
    (type(_ODD.keys()), lambda d: collections.OrderedDict(d).keys(), _as(dict.fromkeys)),
    (type(_ODD.values()), lambda vs: collections.OrderedDict(enumerate(vs)).values(), _as(list)),
    (type(_ODD.items()), lambda d: collections.OrderedDict(d).items(), _as(dict)),
    (pathlib.PosixPath, pathlib.PosixPath, _as(str)),
    (pathlib.PurePosixPath, pathlib.PurePosixPath, _as(str)),
    (memoryview, memoryview, _as(bytes)),
]
for _kind, _make, _encode in _TYPES:
    codec.register(_kind.__name__, _by(_make), _kind, _encode)

codec.register("Match", matches.found, re.Match, matches.told)
codec.register("Pattern", _pattern, re.Pattern, _as(lambda v: v.pattern, lambda v: v.flags))

_in_words("uuid", "UUID")
for _name in ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"):
    _in_words("ipaddress", _name)

for _named in (
    *(value for value in vars(builtins).values() if isinstance(value, type) and issubclass(value, Exception)),
    *(collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque),
    *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.datetime, datetime.timedelta, datetime.time),
    *(slice, memoryview, enumerate, zip, map, filter, reversed, itertools.chain, property, staticmethod, classmethod),
):
    codec.register_type(_named)
