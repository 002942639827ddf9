"""The second score of a benchmark: would the answer pass if its function had the requested name?

A model that solves the task but gives its function another name fails the strict score. The difference of the two
scores shows how much of a gain is only the right name.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from haloforge.python_source import parse
from haloforge.records import Problem
from haloforge.stages.shared.phases import Facts
from haloforge.store import StoredProgram
from haloforge.verify import Verifier

_PASSES = "passed_with_alias"


def passes_with_alias(
    problems: Sequence[Problem], programs: Iterable[StoredProgram], verifier: Verifier
) -> Counter[str]:
    """Task id -> how many failed samples pass once their first function is also known by the requested name."""
    candidates = list(_aliased(problems, programs))
    verdicts = verifier.verify_many(candidates)
    return Counter(problem.task_id for (problem, _), v in zip(candidates, verdicts, strict=True) if v.passed)


def to_findings(passes: Mapping[str, int]) -> Facts:
    """As the phase `alias` records them."""
    return {_PASSES: dict(passes)}


def from_findings(findings: Facts) -> Mapping[str, int]:
    """Task id -> passes; older versions recorded the task ids themselves as the names of the findings."""
    passes = findings.get(_PASSES)
    return passes if isinstance(passes, Mapping) else findings


def with_alias(code: str, name: str) -> str | None:
    """Python code whose first function has a second name; None where the name is taken or there is no function."""
    tree = parse(code)
    functions = [node.name for node in (tree.body if tree else []) if isinstance(node, ast.FunctionDef)]
    return f"{code}\n{name} = {functions[0]}\n" if functions and name not in functions else None


def _aliased(problems: Sequence[Problem], programs: Iterable[StoredProgram]) -> Iterator[tuple[Problem, str]]:
    """The failed samples that can be given an alias, each as its problem and the code with the alias."""
    by_id = {p.task_id: p for p in problems if p.language == "python" and p.entry_point}
    for program in programs:
        problem, verdict = by_id.get(program.sample.task_id), program.sample.verdict
        failed = verdict is not None and verdict.status not in ("passed", "unscored")
        if problem and failed and (code := with_alias(program.code or "", str(problem.entry_point))):
            yield problem, code
