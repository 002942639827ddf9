"""evalplus (Liu et al. 2023): its native files of HumanEval+ and MBPP+, and MBPP+ in MBPP's columns.

Native files hold inputs only: the expected output is what the reference solution returns. To pass "plus", an answer
must pass the base tests and all plus inputs.
"""

import textwrap
from dataclasses import replace

from haloforge.errors import DataError
from haloforge.problems.columns import Row, number, text, texts, whole_number
from haloforge.problems.formats import humaneval, mbpp
from haloforge.python_source import statements
from haloforge.records import Problem, Tests

_LICENSE = "Apache-2.0"

_NATIVE_CHECK = """\
{base_test}

from copy import deepcopy
from math import inf, isclose, nan

_base_check, _atol, _inputs = check, {atol!r}, {inputs!r}
_reference = {{}}
exec({solution!r}, _reference)
_reference = _reference[{entry_point!r}]


def _is_close(out, expected):
    if isinstance(expected, (list, tuple)):
        pairs = isinstance(out, (list, tuple)) and len(out) == len(expected)
        return pairs and all(map(_is_close, out, expected))
    if isinstance(expected, float) or (_atol and isinstance(expected, int)):
        return isinstance(out, (int, float)) and isclose(out, expected, rel_tol=1e-7, abs_tol=_atol or 1e-6)
    return out == expected


def check(candidate):
    _base_check(candidate)
    for arguments in _inputs:
        out = candidate(*deepcopy(arguments))
        {judgement}
"""
_COMPARED = "expected = _reference(*deepcopy(arguments))\n        assert out == expected or _is_close(out, expected)"
_IS_ZERO = "assert abs(poly(*arguments, out)) <= _atol"  # find_zero may return any zero


def adapt_humaneval(row: Row) -> Problem:
    """One row of the native HumanEval+ file: the check runs the reference solution on every plus input."""
    entry_point, inputs = text(row, "entry_point"), row.get("plus_input")
    if not isinstance(inputs, list):
        raise DataError('"plus_input" is not a list')
    check = _NATIVE_CHECK.format(
        base_test=humaneval.self_contained_test(text(row, "test"), text(row, "prompt"), entry_point),
        atol=number(row, "atol") or 0.0,
        inputs=inputs,
        solution=text(row, "prompt") + text(row, "canonical_solution"),
        entry_point=entry_point,
        judgement=_IS_ZERO if entry_point == "find_zero" else _COMPARED,
    )
    return humaneval.problem(row, check, "humaneval_plus", _LICENSE)


def adapt_mbpp(row: Row) -> Problem:
    """One row of MBPP+ in MBPP's columns. Its `test` ends with a loop over inputs that calls the function by name."""
    code, asserts = text(row, "code"), texts(row, "test_list")
    base = mbpp.problem(whole_number(row, "task_id"), text(row, "prompt"), code, asserts)
    data, loop, body = text(row, "test").rpartition("\nfor ")
    if not loop or base.entry_point is None:
        raise DataError('"test" is not the loop over inputs that MBPP+ tests end with')
    setup = "\n".join(texts(row, "test_imports"))
    judged = textwrap.indent(f"{base.entry_point} = candidate\nfor {body}", "    ")
    check = f"{setup}\n{data}\n\n\ndef check(candidate):\n{judged}".lstrip("\n")
    return replace(base, tests=Tests(kind="check", code=(check,)), source="mbpp_plus", split="test", license=_LICENSE)


def adapt_mbpp_native(row: Row) -> Problem:
    """One row of the native MBPP+ file with its base asserts only, which the problem's `source` says.

    The plus inputs are left out: JSON turned their tuples and sets into lists. The file in MBPP's columns has them.
    """
    lines = statements(text(row, "assertion"))
    asserts = tuple(line for line in lines if line.startswith("assert"))
    imports = ["import math"]  # task 120 uses math without importing it
    setup = "\n".join([*imports, *(line for line in lines if line not in asserts)])
    task_number = whole_number({"task_id": text(row, "task_id").rpartition("/")[2]}, "task_id")
    base = mbpp.problem(task_number, _prose(text(row, "prompt")), text(row, "canonical_solution"), asserts, setup)
    return replace(
        base,
        entry_point=text(row, "entry_point"),
        source="mbpp_plus (base tests)",
        split="test",
        license=_LICENSE,
    )


def _prose(prompt: str) -> str:
    """The task's text, from a prompt that is a docstring with the task and one assert."""
    lines = prompt.strip().strip('"').strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("assert "))
