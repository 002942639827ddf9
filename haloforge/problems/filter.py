"""Selects the problems of a dataset that are kept, and counts why the others are dropped."""

from collections import Counter

from haloforge.errors import DataError
from haloforge.problems.decontaminate import BenchmarkIndex
from haloforge.records import Problem

ALL_SPLITS = "all"


class ProblemFilter:
    """Receives problems one by one and keeps the requested ones, in order and without repetitions."""

    def __init__(self, dataset: str | None, split: str, language: str | None, index: BenchmarkIndex | None) -> None:
        """`dataset` None accepts problems of any source; `index` None keeps problems that come from a benchmark."""
        self.kept: list[Problem] = []
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.contamination: Counter[str] = Counter()
        self._requested = (dataset, split, language)
        self._index = index
        self._contents: set[tuple[str, str | None]] = set()
        self._task_ids: set[str] = set()

    def add(self, problem: Problem) -> None:
        """Keep the problem, or count why it is dropped. Raises DataError for a problem of another dataset."""
        reason = self._mismatch(problem) or self._repetition(problem) or self._contamination(problem)
        if reason:
            self.reject(reason)
            return
        self.read += 1
        self.kept.append(problem)
        self._task_ids.add(problem.task_id)
        self._contents.add((problem.statement, problem.solution))

    def reject(self, reason: str) -> None:
        """Count a row that is dropped for this reason."""
        self.read += 1
        self.dropped[reason] += 1

    def reasons(self) -> str:
        """The reasons with their counts as one line of text, most frequent first."""
        return "; ".join(f"{reason}: {count:,}" for reason, count in self.dropped.most_common()) or "nothing"

    def _mismatch(self, problem: Problem) -> str:
        dataset, split, language = self._requested
        if dataset not in (None, problem.source.partition(" (")[0]):
            raise DataError(f"this is a problem of {problem.source or 'no known dataset'}, not of {dataset}")
        if split not in (ALL_SPLITS, problem.split):
            return f"its split is {problem.split!r}"
        return f"its language is {problem.language}" if language not in (None, problem.language) else ""

    def _repetition(self, problem: Problem) -> str:
        if (problem.statement, problem.solution) in self._contents:
            return "the same prompt and solution again"
        return "the same task_id again" if problem.task_id in self._task_ids else ""

    def _contamination(self, problem: Problem) -> str:
        hits = self._index.check(problem) if self._index else []
        self.contamination.update(hit.rule for hit in hits)
        return f"benchmark: {hits[0].rule}" if hits and hits[0].drop else ""
