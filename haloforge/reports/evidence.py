"""The answers behind a result: in the store where its run is, else in the samples file beside it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from haloforge.errors import DataError
from haloforge.files import read_jsonl, sha256_of
from haloforge.problems import load_problems
from haloforge.records import STATUSES, Problem, Purpose, Status
from haloforge.stages.benchmark.compare import Result
from haloforge.store import Store, StoredSample


@dataclass(frozen=True)
class Answer:
    """One sample and its verdict, as far as a reader wants to know."""

    index: int
    code: str | None
    status: Status | None
    reward: float = 0.0
    tests_passed: int = 0
    tests_total: int = 0
    detail: str = ""
    is_cut_off: bool = False


@dataclass(frozen=True)
class Answers:
    """What a checkpoint answered to one problem: the verdicts of all samples, and the best of them in full."""

    statuses: tuple[Status | None, ...]
    best: Answer


class Evidence(Protocol):
    """Where the answers of a result are found."""

    def answers(self, task_id: str) -> Answers | None:
        """None where there are none."""

    def problem(self, task_id: str) -> Problem | None:
        """None where it is not known."""


@dataclass(frozen=True)
class Stored:
    """Samples in the store. Use it while the store is open."""

    store: Store
    run: str
    purpose: Purpose
    cycle: int | None

    def answers(self, task_id: str) -> Answers | None:
        """Of several samples with the same reward the first is the best."""
        samples = self.store.samples(self.run, purpose=self.purpose, cycle=self.cycle, task_id=task_id)
        return _answers([_of_stored(sample) for sample in samples])

    def problem(self, task_id: str) -> Problem | None:
        """As the run recorded it."""
        return self.store.problem(self.run, task_id)


@dataclass(frozen=True)
class OnDisk:
    """A samples file, and the problem file where it is still the same."""

    samples: Path
    dataset: Mapping[str, Any]

    def answers(self, task_id: str) -> Answers | None:
        """Raises DataError for a damaged samples file."""
        return self._by_task.get(task_id)

    def problem(self, task_id: str) -> Problem | None:
        """None where the problem file was moved or changed."""
        return self._problems.get(task_id)

    @cached_property
    def _by_task(self) -> Mapping[str, Answers]:
        found: defaultdict[str, list[Answer]] = defaultdict(list)
        for number, row in read_jsonl(self.samples):
            try:
                found[str(row.get("task_id"))].append(_of_row(row))
            except (TypeError, ValueError, OverflowError) as error:
                raise DataError(f"{self.samples} line {number} is damaged: {error}") from error
        return {task: answers for task, several in found.items() if (answers := _answers(several))}

    @cached_property
    def _problems(self) -> Mapping[str, Problem]:
        path = Path(self.dataset["file"])
        try:
            is_same = path.is_file() and sha256_of(path) == self.dataset["sha256"]
            return {problem.task_id: problem for problem in load_problems(path)} if is_same else {}
        except DataError:
            return {}


def evidence_of(store: Store, result: Result, path: Path | None = None) -> Evidence | None:
    """The answers of a result: those in the store, else those in the samples file beside `path`; None for neither."""
    run = result.get("run")
    purpose: Purpose = result.get("purpose", "benchmark")
    if isinstance(run, str) and store.count_samples(run, purpose=purpose, cycle=result.get("cycle")):
        return Stored(store, run, purpose, result.get("cycle"))
    name = result.get("samples_file")
    samples = path.with_name(name) if path and name else None
    return OnDisk(samples, result["dataset"]) if samples and samples.is_file() else None


def _answers(several: list[Answer]) -> Answers | None:
    if not several:
        return None
    best = max(several, key=lambda answer: (answer.status == "passed", answer.reward, -answer.index))
    return Answers(tuple(answer.status for answer in several), best)


def _of_stored(stored: StoredSample) -> Answer:
    sample, verdict = stored.sample, stored.verdict
    is_cut_off = sample.finish_reason == "length"
    if verdict is None:
        return Answer(sample.index, sample.code, None, is_cut_off=is_cut_off)
    tests = verdict.tests_passed, verdict.tests_total
    return Answer(sample.index, sample.code, verdict.status, verdict.reward, *tests, verdict.detail, is_cut_off)


def _of_row(row: Mapping[str, Any]) -> Answer:
    status = next((known for known in STATUSES if known == row.get("status")), None)
    return Answer(
        int(row.get("sample") or 0),
        str(row.get("solution") or "") or None,
        status,
        float(row.get("reward") or 0.0),
        int(row.get("tests_passed") or 0),
        int(row.get("tests_total") or 0),
        str(row.get("detail") or ""),
        row.get("finish_reason") == "length",
    )
