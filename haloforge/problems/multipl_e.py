"""MultiPL-E (Cassano et al. 2022): HumanEval and MBPP translated to many languages; no reference solutions.

Columns: name, language, prompt (code that ends inside a function), tests (appended to the completion), stop_tokens.
In C++ the completion stops before the closing brace of the function and the tests begin with it.
"""

from haloforge.problems.columns import Row, text, texts
from haloforge.records import Problem, Tests

LANGUAGES = {"go_test.go": "go", "rs": "rust", "js": "javascript", "ts": "typescript", "py": "python", "sh": "bash"}


def adapt(row: Row) -> Problem:
    """One row of any of its languages."""
    name = text(row, "name")
    return Problem(
        task_id=name,
        prompt=text(row, "prompt"),
        language=LANGUAGES.get(text(row, "language"), text(row, "language")),
        tests=Tests(kind="program", code=(text(row, "tests"),)),
        entry_point=name.split("_", 2)[-1] or None,
        source="multipl_e",
        split="test",
        license="MIT",
        meta={"prompt_is_code": True, "stop_tokens": list(texts(row, "stop_tokens"))},
    )
