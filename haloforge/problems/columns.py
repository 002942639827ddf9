"""Checked access to the columns of a row from a file that others wrote."""

from collections.abc import Mapping
from typing import Any

from haloforge.errors import DataError

Row = Mapping[str, Any]


class UnusableRow(DataError):
    """A correct row that cannot be used here (interactive problem, no tests, no answer); the message is the reason."""


def text(row: Row, key: str) -> str:
    """A column that must hold text. Raises DataError that names the column."""
    value = row.get(key)
    if not isinstance(value, str):
        raise DataError(f'"{key}" is missing' if value is None else f'"{key}" is not text')
    return value


def optional_text(row: Row, key: str) -> str:
    """A text column that may be absent or null, which gives the empty text."""
    return "" if row.get(key) is None else text(row, key)


def texts(row: Row, key: str) -> tuple[str, ...]:
    """A column with a list of texts; absent or null gives the empty tuple."""
    value = row.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f'"{key}" is not a list of texts')
    return tuple(value)


def whole_number(row: Row, key: str) -> int:
    """A column that must hold a whole number, as a number or as text."""
    value = row.get(key)
    try:
        return int(value)  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f'"{key}" is missing or not a whole number') from error


def number(row: Row, key: str) -> float | None:
    """A finite number; None where the column is absent or null."""
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        raise DataError(f'"{key}" is not a number')
    return float(value)


def positive_number(row: Row, key: str) -> float | None:
    """A finite number above 0; None where the column is absent or null."""
    value = number(row, key)
    if value is not None and value <= 0:
        raise DataError(f'"{key}" is not above 0')
    return value
