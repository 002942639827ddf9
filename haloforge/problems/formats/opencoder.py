"""OpenCoder's educational instructions (Huang et al. 2024): Python tasks, answers and asserts that a model wrote.

Columns: seq_id, instruction, output (chat text), code (the answer's program), entry_point, testcase (asserts).
"""

from haloforge.problems.columns import Row, UnusableRow, text, texts
from haloforge.problems.formats.mbpp import with_example
from haloforge.python_source import normalised
from haloforge.records import Problem, Tests


def adapt(row: Row) -> Problem:
    """One row of `educational_instruct`. Raises UnusableRow for a row without asserts."""
    asserts = tuple(line for line in texts(row, "testcase") if line.lstrip().startswith("assert"))
    if not asserts:
        raise UnusableRow("no asserts")
    return Problem(
        task_id=f"opc/{row.get('seq_id')}",
        prompt=with_example(text(row, "instruction"), asserts[0]),
        tests=Tests(kind="asserts", code=asserts[:1], hidden=asserts[1:]),
        entry_point=text(row, "entry_point"),
        solution=normalised(text(row, "code")),
        source="opc_educational",
        split="train",
        license="MIT",
    )
