"""MBPP (Austin et al. 2021), full and sanitized.

Full: task_id, text, code, test_list, test_setup_code, challenge_test_list. Sanitized: task_id, prompt, code,
test_list, test_imports. The text almost never names the wanted function, so the prompt shows the first assert.
The setup runs after the solution (in tasks 367 and 927 it uses classes of the solution).
"""

from collections.abc import Sequence

from haloforge.errors import DataError
from haloforge.problems.columns import Row, optional_text, text, texts, whole_number
from haloforge.python_source import entry_point_of, normalised
from haloforge.records import Problem, Tests

EXAMPLE_INTRO = "Your code should pass this test:"
"""The line between a task's text and the assert that its prompt shows."""


def with_example(statement: str, assertion: str) -> str:
    """A task in prose with one of its asserts, which is often the only place that names the wanted function."""
    return f"{statement.strip()}\n{EXAMPLE_INTRO}\n{assertion.strip()}"


def adapt(row: Row) -> Problem:
    """One row of the full edition; its challenge asserts are hidden tests too."""
    asserts = texts(row, "test_list") + texts(row, "challenge_test_list")
    setup = optional_text(row, "test_setup_code").replace("\r\n", "\n")
    return problem(whole_number(row, "task_id"), text(row, "text"), text(row, "code"), asserts, setup)


def adapt_sanitized(row: Row) -> Problem:
    """One row of the sanitized edition."""
    setup = "\n".join(texts(row, "test_imports"))
    number = whole_number(row, "task_id")
    return problem(number, text(row, "prompt"), text(row, "code"), texts(row, "test_list"), setup)


def split_of(number: int) -> str:
    """The split that the authors gave a task id; ids above 974, which are not theirs, count as train."""
    if number <= 10:
        return "prompt"
    if number <= 510:
        return "test"
    return "validation" if number <= 600 else "train"


def problem(number: int, statement: str, code: str, asserts: Sequence[str], setup: str = "") -> Problem:
    """A problem of MBPP's kind: a text, a reference solution, and asserts of which the prompt shows the first.

    Raises DataError where there is no assert.
    """
    if not asserts:
        raise DataError('"test_list" holds no assert')
    solution = normalised(code)
    return Problem(
        task_id=f"Mbpp/{number}",
        prompt=with_example(statement, asserts[0]),
        tests=Tests(kind="asserts", setup=setup, code=(asserts[0],), hidden=tuple(asserts[1:])),
        entry_point=entry_point_of(asserts[0], solution),
        solution=solution,
        source="mbpp",
        split=split_of(number),
        license="CC-BY-4.0",
    )
