"""AceCode-87K (Zeng et al. 2025): rewritten questions with about 16 asserts each, made by a model; no answers.

Columns: id, source, question, test_cases (asserts), inferences (other models' samples; not read).
"""

from haloforge.problems.columns import Row, UnusableRow, text, texts
from haloforge.problems.formats.mbpp import with_example
from haloforge.python_source import entry_point_of
from haloforge.records import Problem, Tests


def adapt(row: Row) -> Problem:
    """One question. Some of its asserts are wrong: use it with a reward threshold, not as a benchmark.

    Raises UnusableRow for a question without asserts.
    """
    asserts = texts(row, "test_cases")
    if not asserts:
        raise UnusableRow("no asserts")
    return Problem(
        task_id=f"acecode/{text(row, 'id')}",
        prompt=with_example(text(row, "question"), asserts[0]),
        tests=Tests(kind="asserts", code=asserts[:1], hidden=asserts[1:]),
        entry_point=entry_point_of(asserts[0], None),
        source="acecode",
        split="train",
        license="MIT",
    )
