"""MultiPL-E (Cassano et al. 2022): HumanEval and MBPP translated to many languages; no reference solutions.

Columns: name, language, prompt (code that ends inside a function), tests (appended to the completion), stop_tokens.
In C++, Rust and Java a completion ends before the closing brace of the function; the tests begin with that brace.
"""

import re

from haloforge.problems.columns import Row, text, texts
from haloforge.records import Problem, Tests

LANGUAGES = {"go_test.go": "go", "rs": "rust", "js": "javascript", "ts": "typescript", "py": "python", "sh": "bash"}
_ENTRY_POINT = re.compile(r"\bcandidate\s*:?=\s*(\w+)")
_LAST_METHOD = re.compile(r"(\w+)\s*\([^()]*\)\s*\{\s*\Z")
"""The method that the prompt opens; Java's tests call it by its own name."""


def adapt(row: Row) -> Problem:
    """One row of any of its languages."""
    tests = text(row, "tests")
    tested = _ENTRY_POINT.search(tests) or _LAST_METHOD.search(text(row, "prompt"))
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
