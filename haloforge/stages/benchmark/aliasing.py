"""The second score of a benchmark: would the answer pass if its function had the requested name?

A model that solves the task and calls its function something else fails the strict score. How much of a gain is only
the right name shows in the difference of the two.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from haloforge.records import Problem
from haloforge.stages.shared.phases import Facts
from haloforge.store import StoredProgram
from haloforge.verify import Verifier


def rescued(problems: Sequence[Problem], programs: Iterable[StoredProgram], verifier: Verifier) -> Facts:
    """Task id -> how many failed samples pass once their first function is also known by the requested name."""
    candidates = list(_aliased(problems, programs))
    verdicts = verifier.verify_many(candidates)
    return Counter(problem.task_id for (problem, _), v in zip(candidates, verdicts, strict=True) if v.passed)


def with_alias(code: str, name: str) -> str | None:
    """Python code whose first function has a second name; None where the name is taken or there is no function."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    return f"{code}\n{name} = {functions[0]}\n" if functions and name not in functions else None


def _aliased(problems: Sequence[Problem], programs: Iterable[StoredProgram]) -> Iterator[tuple[Problem, str]]:
    by_id = {p.task_id: p for p in problems if p.language == "python" and p.entry_point}
    for program in programs:
        problem, verdict = by_id.get(program.sample.task_id), program.sample.verdict
        failed = verdict is not None and verdict.status not in ("passed", "unscored")
        if problem and failed and (code := with_alias(program.code or "", str(problem.entry_point))):
            yield problem, code
