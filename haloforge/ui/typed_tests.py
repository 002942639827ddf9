"""Tests that a person typed: asserts in Python, or pairs of input and expected output."""

import ast
from collections.abc import Sequence

from haloforge.errors import DataError
from haloforge.python_source import tree_of
from haloforge.records import Case, Tests

COMPARISONS = ("tokens", "exact", "float:1e-6")
"""How an output is compared: words apart from their spacing, to the letter, or numbers up to a small difference."""
MOST_CASES = 6
"""Pairs that the page has fields for."""


def pasted_asserts(text: str, language: str) -> Tests:
    """Tests from pasted Python: statements other than asserts become the set-up. Raises DataError with the line."""
    if not text.strip():
        return Tests()
    if language != "python":
        raise DataError(
            f"asserts are Python, and cannot test {language}; give cases of input and output, or choose a problem"
        )
    try:
        statements = tree_of(text).body
    except SyntaxError as error:
        raise DataError(f"the asserts are not valid Python: {error.msg} (line {error.lineno})") from error
    source = [(isinstance(node, ast.Assert), ast.get_source_segment(text, node) or "") for node in statements]
    checks = tuple(segment for is_assert, segment in source if is_assert)
    if not checks:
        raise DataError("there is no assert statement among the tests")
    return Tests("asserts", setup="\n".join(segment for is_assert, segment in source if not is_assert), code=checks)


def typed_cases(fields: Sequence[str], compare: str) -> Tests:
    """Tests from fields that are input, expected output, input, ...; a pair of empty fields is no case.

    Raises DataError for a case without an expected output, and where there is no case.
    """
    pairs = [(i, fields[i] or "", fields[i + 1] or "") for i in range(0, len(fields) - 1, 2)]
    given = [(i // 2 + 1, typed, expected) for i, typed, expected in pairs if typed or expected]
    if not given:
        raise DataError("Give at least one case: an input, and the output that is expected.")
    missing = [number for number, _, expected in given if not expected.strip()]
    if missing:
        raise DataError(f"Case {missing[0]} has no expected output.")
    cases = tuple(Case(_ended(typed), _ended(expected)) for _, typed, expected in given)
    return Tests("stdio", cases=cases, compare=compare or COMPARISONS[0])


def entry_point_of(tests: Tests) -> str | None:
    """The function that the first assert calls first; None where no assert calls one by its name."""
    for statement in (*tests.code, *tests.hidden) if tests.kind == "asserts" else ():
        called = [node.func.id for node in ast.walk(tree_of(statement)) if isinstance(node, ast.Call)
                  and isinstance(node.func, ast.Name)]  # fmt: skip
        if called:
            return called[0]
    return None


def _ended(text: str) -> str:
    """A browser's field does not end its last line; a program that reads lines expects that."""
    return text if not text or text.endswith("\n") else f"{text}\n"
