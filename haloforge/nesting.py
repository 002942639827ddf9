"""Nested settings and their dotted paths ("raft.num_cycles"): the one place that changes and merges them."""

from collections.abc import Mapping
from typing import Any

from haloforge.errors import ConfigError


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set one value in nested mappings, in place. What stands in the way and is no mapping gives way."""
    *parents, leaf = path.split(".")
    for part in parents:
        node = data.get(part)
        if not isinstance(node, dict):
            node = data[part] = {}
        data = node
    data[leaf] = value


def value_at(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none: a stored config may be of an older version."""
    node: Any = data
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} -> {"a": {"b": 1}}; values that are None are left out.

    A value may be a mapping itself: {"a": {"b": 1}, "a.c": 2}. Raises ConfigError where two values want one place.
    """
    root: dict[str, Any] = {}
    for path, value in flat.items():
        if value is None:
            continue
        parts = path.split(".")
        held = [".".join(parts[:n]) for n in range(1, len(parts))]
        taken = [above for above in held if not isinstance(value_at(root, above), Mapping | None)]
        before = value_at(root, path)
        if taken or (before is not None and not (isinstance(before, Mapping) and isinstance(value, Mapping))):
            raise ConfigError(f"{path} is given twice, once within {taken[0] if taken else path}; give it once")
        branch: dict[str, Any] = {}
        put(branch, path, value)
        root = merged(root, branch)
    return root


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both have a value, the one of `above`."""
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        both[key] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return both
