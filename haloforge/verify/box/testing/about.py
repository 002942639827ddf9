"""What the tests' process is told about a class of the solution."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class About:
    """What is known of a class: its special methods, those below its plain base, and its parents' global names."""

    special: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    mro: tuple[str, ...] = ()
    base: str = ""
    fields: tuple[str, ...] | None = None
    """Of a dataclass whose instances are equal when these are; None for other classes."""

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "About":
        """From what the solution says. Raises TypeError or ValueError for what no honest solution says."""
        names = {key: tuple(map(str, row.get(key, ()))) for key in ("special", "own", "mro")}
        fields = row.get("fields")
        return About(**names, base=str(row.get("base", "")), fields=None if fields is None else tuple(map(str, fields)))


NOTHING_KNOWN = About()
