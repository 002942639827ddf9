"""Lists and tuples that are nested deeper than Python can recurse: they cross as a row of nodes, innermost first."""

import sys
from typing import Any

from . import codec

MAX_NODES = 200_000
"""A value with more of them, one that contains itself for instance, does not cross."""
USUAL_DEPTH = 900
"""Frames that encoding may use even where a program has raised its recursion limit: the other process has not."""


def encode_deep(value: Any, export: codec.Export) -> Any:
    """As `codec.encode`, for lists and tuples nested to any depth.

    Raises RecursionError for a value that contains itself, and for dictionaries that are nested too deep.
    """
    if type(value) not in (list, tuple, dict):
        return codec.encode(value, export)
    limit = sys.getrecursionlimit()
    try:
        if limit > 1000:
            sys.setrecursionlimit(_depth() + USUAL_DEPTH)
        return codec.encode(value, export)
    except RecursionError:
        sys.setrecursionlimit(limit)
        if type(value) is dict:
            raise
        return {"deep": _nodes(value, export)}
    finally:
        sys.setrecursionlimit(limit)


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth


def _nodes(value: Any, export: codec.Export) -> list[list[Any]]:
    """[kind, items] of each container, where an item is [number of an earlier node] or [0, encoded value]."""
    order: list[Any] = []
    pending = [value]
    while pending:
        container = pending.pop()
        order.append(container)
        if len(order) > MAX_NODES:
            raise RecursionError("a value nested without end")
        pending.extend(item for item in container if type(item) in (list, tuple))
    numbers: dict[int, int] = {}
    nodes: list[list[Any]] = []
    for container in reversed(order):
        if id(container) in numbers:
            continue
        items = [
            [numbers[id(item)]] if type(item) in (list, tuple) else [0, codec.encode(item, export)]
            for item in container
        ]
        numbers[id(container)] = len(nodes)
        nodes.append([type(container).__name__, items])
    return nodes


def decode_deep(nodes: list[list[Any]], resolve: codec.Resolve) -> Any:
    """Inverse of `encode_deep`. Raises ValueError, TypeError or LookupError for what that never writes."""
    made: list[Any] = []
    for kind, items in nodes:
        values = [codec.decode(item[1], resolve) if len(item) == 2 else made[item[0]] for item in items]
        made.append(tuple(values) if kind == "tuple" else values)
    return made[-1]


codec.register("deep", decode_deep)
