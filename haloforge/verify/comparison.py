"""Judging the output of a program: always here, never where the program ran."""

import math
import re
from collections.abc import Callable

from haloforge.errors import DataError


def comparison(rule: str) -> Callable[[str, str], bool]:
    """The function (expected, written) -> bool for a problem's `compare`: exact, tokens, or float:TOLERANCE.

    Raises DataError for a rule that does not exist.
    """
    if rule == "exact":
        return exact
    if rule == "tokens":
        return tokens
    matched = re.fullmatch(r"float:(\d*\.?\d+(?:[eE][-+]?\d+)?)", rule)
    if matched is None:
        raise DataError(f'unknown comparison {rule!r}; use "exact", "tokens", "float:1e-6" or "checker"')
    tolerance = float(matched[1])
    return lambda expected, written: close(expected, written, tolerance)


def exact(expected: str, written: str) -> bool:
    """Equal but for white space at the ends of lines and for empty lines at the end."""
    wanted, got = (text.replace("\r\n", "\n").rstrip() for text in (expected, written))
    return wanted.count("\n") == got.count("\n") and _lines(wanted) == _lines(got)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]


def tokens(expected: str, written: str) -> bool:
    """Equal as sequences of words."""
    left = expected.split()
    return left == _words(written, len(left))


def _words(written: str, expected: int) -> list[str]:
    """Its words; a text of more words than expected is not taken apart further than to show that."""
    return written.split(maxsplit=expected)


def close(expected: str, written: str, tolerance: float) -> bool:
    """Equal as sequences of words, numbers within a relative or absolute tolerance."""
    left = expected.split()
    right = _words(written, len(left))
    return len(left) == len(right) and all(_close(a, b, tolerance) for a, b in zip(left, right, strict=True))


def _close(expected: str, written: str, tolerance: float) -> bool:
    if expected == written:
        return True
    try:
        a, b = float(expected), float(written)
    except ValueError:
        return False
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
