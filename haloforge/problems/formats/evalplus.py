"""evalplus (Liu et al. 2023): its native files of HumanEval+ and MBPP+, and MBPP+ in MBPP's columns.

Native files hold inputs only: the expected output is what the reference solution returns. To pass "plus", an answer
must pass all base and all plus inputs.
"""

import textwrap
from dataclasses import replace
from typing import Any

from haloforge.errors import DataError
from haloforge.problems.columns import Row, number, optional_text, text, texts, whole_number
from haloforge.problems.formats import humaneval, mbpp
from haloforge.problems.formats.evalplus_check import check_of
from haloforge.problems.formats.evalplus_types import check_types, restored
from haloforge.python_source import statements
from haloforge.records import Problem, Tests

_LICENSE = "Apache-2.0"
_FORGOTTEN_ASSERT = "exact_match = "  # three tests of MBPP+ in MBPP's columns compute it, and then do not look at it


def adapt_humaneval(row: Row) -> Problem:
    """One row of the native HumanEval+ file: HumanEval's own test, then every input of the row."""
    entry_point, prompt = text(row, "entry_point"), text(row, "prompt")
    check = check_of(
        prompt + text(row, "canonical_solution"),
        entry_point,
        _inputs(row, "base_input"),
        _inputs(row, "plus_input"),
        atol=number(row, "atol") or 0.0,
        base_test=humaneval.self_contained_test(text(row, "test"), prompt, entry_point),
    )
    return humaneval.problem(row, check, "humaneval_plus", _LICENSE)


def _inputs(row: Row, key: str) -> list[Any]:
    """The argument lists of a column; a task without plus inputs has an empty object there (Mbpp/793)."""
    value = row.get(key)
    if value == {}:
        return []
    if not isinstance(value, list) or not all(isinstance(arguments, list) for arguments in value):
        raise DataError(f'"{key}" is not a list of argument lists')
    return value


def adapt_mbpp(row: Row) -> Problem:
    """One row of MBPP+ in MBPP's columns. Its `test` ends with a loop over inputs that calls the function by name."""
    code, asserts = text(row, "code"), texts(row, "test_list")
    base = mbpp.problem(whole_number(row, "task_id"), text(row, "prompt"), code, asserts)
    data, loop, body = text(row, "test").replace(_FORGOTTEN_ASSERT, "assert ").rpartition("\nfor ")
    if not loop or base.entry_point is None:
        raise DataError('"test" is not the loop over inputs that MBPP+ tests end with')
    setup = "\n".join(texts(row, "test_imports"))
    judged = textwrap.indent(f"{base.entry_point} = candidate\nfor {body}", "    ")
    check = f"{setup}\n{data}\n\n\ndef check(candidate):\n{judged}".lstrip("\n")
    return replace(base, tests=Tests(kind="check", code=(check,)), source="mbpp_plus", split="test", license=_LICENSE)


def adapt_mbpp_native(row: Row) -> Problem:
    """One row of the native MBPP+ file, judged on all its inputs, with the types that JSON took from them.

    As in evalplus, the row's `contract` for inputs is not applied when an answer is judged (in release 0.2.0, 107 of
    41,015 inputs break theirs).
    """
    lines = statements(text(row, "assertion"))
    asserts = tuple(line for line in lines if line.startswith("assert"))
    code, entry_point = text(row, "canonical_solution"), text(row, "entry_point")
    task_number = whole_number({"task_id": text(row, "task_id").rpartition("/")[2]}, "task_id")
    base, plus = (restored(task_number, _inputs(row, key)) for key in ("base_input", "plus_input"))
    check_types(task_number, base, entry_point, "\n".join(asserts), optional_text(row, "contract"))
    check = check_of(code, entry_point, base, plus, atol=number(row, "atol") or 0.0)
    problem = mbpp.problem(task_number, _prose(text(row, "prompt")), code, asserts)
    return replace(
        problem,
        entry_point=entry_point,
        tests=Tests(kind="check", code=(check,)),
        source="mbpp_plus",
        split="test",
        license=_LICENSE,
    )


def _prose(prompt: str) -> str:
    """The task's text, from a prompt that is a docstring with the task and one assert."""
    lines = prompt.strip().strip('"').strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("assert "))
