"""HumanEval (Chen et al. 2021), and HumanEval+ in the same columns (evalplus' "OriginFmt" and its Hub dataset).

Columns: task_id, prompt (code that ends inside a function), canonical_solution (the rest of it), test (defines
`check(candidate)`), entry_point.
"""

import re

from haloforge.problems.columns import Row, text
from haloforge.python_source import defined_names, without_function
from haloforge.records import Problem, Tests

# HumanEval+ checks find_zero with swapped arguments, so no answer can pass.
_WRONG_ZERO_CHECK = "_poly(*candidate(*inp), inp) <= 0.0001"
_RIGHT_ZERO_CHECK = "abs(_poly(*inp, candidate(*inp))) <= 0.0001"


def adapt(row: Row) -> Problem:
    """One row of HumanEval or of HumanEval+."""
    test = text(row, "test").replace(_WRONG_ZERO_CHECK, _RIGHT_ZERO_CHECK)
    check = self_contained_test(test, text(row, "prompt"), text(row, "entry_point"))
    is_plus = "    inputs = [" in test
    return problem(row, check, "humaneval_plus" if is_plus else "humaneval", "Apache-2.0" if is_plus else "MIT")


def problem(row: Row, check: str, source: str, license: str) -> Problem:
    """A problem from the columns that every edition of HumanEval has. The code `check` defines `check(candidate)`."""
    prompt, entry_point = text(row, "prompt"), text(row, "entry_point")
    return Problem(
        task_id=text(row, "task_id"),
        prompt=prompt,
        tests=Tests(kind="check", code=(check,)),
        entry_point=entry_point,
        solution=prompt + text(row, "canonical_solution").rstrip() + "\n",
        source=source,
        split="test",
        license=license,
        meta={"prompt_is_code": True},
    )


def self_contained_test(test: str, prompt: str, entry_point: str) -> str:
    """`test` together with the functions that it calls.

    Tests run separately from the code that they judge and cannot use its functions. But the test of task 33 calls the
    answer by its name instead of `candidate`, and those of 32, 38 and 50 call helper functions of the prompt.
    """
    test = re.sub(rf"\b{re.escape(entry_point)}\(", "candidate(", test.strip("\n")) + "\n"
    helpers = [name for name in defined_names(prompt) if name != entry_point]
    if not any(re.search(rf"\b{re.escape(name)}\(", test) for name in helpers):
        return test
    return f"{without_function(prompt, entry_point)}\n\n\n{test}"
