"""CodeAlpaca-20k (Chaudhary 2023): instructions in many languages, with unverified answers of a model; no tests.

Columns: instruction, input, output.
"""

import ast
import hashlib

from haloforge.problems.columns import Row, UnusableRow, optional_text, text
from haloforge.python_source import normalised, parse
from haloforge.records import Problem

_CODE_NODES = (
    ast.FunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.For,
    ast.While,
    ast.With,
    ast.Call,
)


def adapt(row: Row) -> Problem:
    """One instruction whose answer is a Python program. Raises UnusableRow for answers in prose or other languages."""
    prompt = "\n\n".join(part for part in (text(row, "instruction"), optional_text(row, "input")) if part.strip())
    answer = normalised(text(row, "output"))
    tree = parse(answer)
    if tree is None or not any(isinstance(node, _CODE_NODES) for node in ast.walk(tree)):
        raise UnusableRow("the answer is not a Python program")
    digest = hashlib.sha256(f"{prompt}\n{answer}".encode(errors="replace")).hexdigest()
    return Problem(
        task_id=f"codealpaca/{digest[:12]}",  # the rows have no id of their own
        prompt=prompt,
        solution=answer,
        source="codealpaca",
        split="train",
        license="CC-BY-4.0",
    )
