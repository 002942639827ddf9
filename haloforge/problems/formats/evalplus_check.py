"""The check that judges an answer to an evalplus problem: on every input it must agree with the reference solution.

What agrees is as in evalplus. Values are equal; or both are floats, or lists of floats, that differ by rounding; or the
problem has a tolerance. For some tasks of MBPP+ the order and the repetitions of the answer do not matter (`AS_SETS`),
or only whether there is an answer (`AS_FOUND`). Two of its oracles let every answer to a task pass, or always 0: here
these tasks are compared like the others.
"""

import ast
from typing import Any

from haloforge.errors import DataError
from haloforge.python_source import parse, tree_of

AS_SETS = frozenset(
    ["similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum"]
    + ["intersection_array", "find_dissimilar", "Diff"]
)
"""Entry points whose answers are compared as sets."""
AS_FOUND = frozenset(["check_str", "text_match_three", "text_starta_endb"])
"""Entry points that may return True or anything but None for yes, False or None for no."""

_CHECK = """\
from copy import deepcopy
from math import inf, nan


{reference}


_reference = _make_reference()
_atol = {atol!r}
_base_inputs = {base!r}
_plus_inputs = {plus!r}


def _copies_of(arguments):
    return lambda: deepcopy(arguments)


def _is_floats(value):
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _same_kind(out, expected):
    kinds = (bool, int, float, complex, str, list, tuple, dict, set)
    return all(isinstance(out, kind) == isinstance(expected, kind) for kind in kinds)


def _is_close(out, expected, atol):
    if isinstance(expected, (list, tuple)):
        pairs = isinstance(out, (list, tuple)) and len(out) == len(expected)
        return pairs and all(_is_close(*pair, atol) for pair in zip(out, expected))
    if not (isinstance(out, (int, float, complex)) and isinstance(expected, (int, float, complex))):
        return False
    return out == expected or abs(out - expected) <= atol + 1e-7 * abs(expected)


def _is_equal(out, expected):
    if out == expected:
        return True
    atol = _atol or (1e-6 if _is_floats(expected) else 0)
    return atol > 0 and _same_kind(out, expected) and _is_close(out, expected, atol)


def _is_equal_as_set(out, expected):
    return out is not None and not isinstance(out, (int, float)) and set(out) == set(expected)


def _is_found(out, expected):
    return (out if isinstance(out, bool) else out is not None) == (expected is not None)
{extra}

def check(candidate):
{base_check}
    for number, take in enumerate(map(_copies_of, _base_inputs)):
        {judgement}, f"base input {{number}}"
    for number, take in enumerate(map(_copies_of, _plus_inputs)):
        {judgement}, f"plus input {{number}}"
"""
_COMPARED = "expected = _reference(*take())\n        assert {agrees}(candidate(*take()), expected)"
_IS_ZERO = "assert abs(poly(*take(), candidate(*take()))) <= _atol"  # find_zero may return any zero


def check_of(
    reference: str, entry_point: str, base: list[Any], plus: list[Any], *, atol: float, base_test: str = ""
) -> str:
    """Source of `check(candidate)`. `base_test` defines another `check` that has to pass first.

    Raises DataError for a reference that cannot be put into a function of its own.
    """
    agrees = "_is_equal_as_set" if entry_point in AS_SETS else "_is_found" if entry_point in AS_FOUND else "_is_equal"
    return _CHECK.format(
        reference=_as_function(reference, entry_point),
        atol=atol,
        base=base,
        plus=plus,
        extra=f"\n\n{base_test}\n\n_base_check = check\n" if base_test else "",
        base_check="    _base_check(candidate)" if base_test else "",
        judgement=_IS_ZERO if entry_point == "find_zero" else _COMPARED.format(agrees=agrees),
    )


def _as_function(reference: str, entry_point: str) -> str:
    """`_make_reference`, which returns the reference solution: its names stay apart from those of an answer."""
    tree = parse(reference)
    if tree is None:
        raise DataError("the reference solution is not Python")
    body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    made = tree_of("def _make_reference():\n    pass")
    made.body[0].body = [*body, ast.Return(ast.Name(entry_point, ast.Load()))]  # type: ignore[attr-defined]
    source = ast.unparse(ast.fix_missing_locations(_GlobalsOfTheFunction().visit(made)))
    try:
        compile(source, "reference.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise DataError(f"its reference solution cannot be kept apart from an answer ({error})") from error
    return source


class _GlobalsOfTheFunction(ast.NodeTransformer):
    """What was global in the reference belongs to the function around it."""

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        """Called by the base class for every `global` statement."""
        return ast.Nonlocal(node.names)
