"""MultiPL-E (Cassano et al. 2022): HumanEval and MBPP translated to many languages; no reference solutions.

Columns: name, language, prompt (code that ends inside a function), tests (appended to the completion), stop_tokens.
In C++ a completion ends before the closing brace of the function; the tests begin with that brace.
"""

import re

from haloforge.problems.columns import Row, text, texts
from haloforge.records import Problem, Tests

LANGUAGES = {"go_test.go": "go", "rs": "rust", "js": "javascript", "ts": "typescript", "py": "python", "sh": "bash"}
_ENTRY_POINT = re.compile(r"\bcandidate\s*:?=\s*(\w+)")


def adapt(row: Row) -> Problem:
    """One row of any of its languages."""
    tests = text(row, "tests")
    tested = _ENTRY_POINT.search(tests)
    return Problem(
        task_id=text(row, "name"),
        prompt=text(row, "prompt"),
        language=LANGUAGES.get(text(row, "language"), text(row, "language")),
        tests=Tests(kind="program", code=(tests,)),
        entry_point=tested[1] if tested else None,
        source="multipl_e",
        split="test",
        license="MIT",
        meta={"prompt_is_code": True, "stop_tokens": list(texts(row, "stop_tokens"))},
    )
