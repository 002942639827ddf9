"""`data validate`: can this file be trained on? Rows, repetitions, lengths, benchmark tasks, solutions that pass."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import ValidateConfig, VerifySettings
from haloforge.errors import DataError, VerifierError
from haloforge.files import read_jsonl
from haloforge.languages import default_language
from haloforge.problems import adapt_rows, bundled_index, training_row
from haloforge.records import Problem, Verdict
from haloforge.stages.data.strength import Progress, Strength, silent, strength_lines, tried, weak_ones
from haloforge.stages.shared.weak_tests import write_report
from haloforge.store import home
from haloforge.verify import open_verifier

MAX_SHOWN = 10
"""Findings of one kind that the text shows; the JSON has all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, about a line."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Lengths:
    """Characters per row."""

    smallest: int
    median: int
    p95: int
    largest: int


@dataclass(frozen=True, slots=True)
class Validation:
    """The result. `ok` is false for rows that cannot be read, task ids that repeat and solutions that fail."""

    file: str
    rows: int
    problems: int
    learnable: int
    """Rows that SFT can learn from."""
    tested: int
    """Problems whose tests run something, as RAFT and benchmarks need."""
    languages: dict[str, int]
    splits: dict[str, int]
    tests: dict[str, int]
    lengths: dict[str, Lengths]
    errors: list[Finding]
    repeated_ids: list[Finding]
    repeated_prompts: list[Finding]
    contamination: list[Finding]
    passed_solutions: int
    failed_solutions: list[Finding]
    strengths: list[Strength]
    """What was found out about the tests of every problem whose solution ran."""
    unjudged: str
    """Why solutions were not run; empty when they were."""

    @property
    def ok(self) -> bool:
        """True when nothing in the file must be changed."""
        return bool(self.rows) and not (self.errors or self.repeated_ids or self.failed_solutions)

    def to_json(self) -> dict[str, Any]:
        """Every field, `ok`, and the ids of problems with weak tests, the weakest first."""
        weak = [strength.task_id for strength in weak_ones(self.strengths)]
        return {"ok": self.ok, **asdict(self), "weak": weak}

    def text(self) -> str:
        """For people, one fact a line."""
        lines = [
            f"{self.file}: {self.rows:,} rows, {self.problems:,} problems "
            f"({self.tested:,} with tests), {self.learnable:,} to learn from",
            *(f"{name}: {_counts(counts)}" for name, counts in self._groups() if counts),
            *(
                f"{name}: {n.smallest:,} to {n.largest:,} characters (median {n.median:,}, 95 % up to {n.p95:,})"
                for name, n in self.lengths.items()
            ),
        ]
        weak = [Finding(s.line, s.weakness) for s in weak_ones(self.strengths)]
        flaky = [Finding(s.line, f"{s.task_id}: {s.flaky}") for s in self.strengths if s.flaky]
        for name, findings in (
            ("rows that cannot be used", self.errors),
            ("task ids that repeat", self.repeated_ids),
            ("prompts that repeat", self.repeated_prompts),
            ("like a benchmark", self.contamination),
            ("solutions that fail", self.failed_solutions),
            ("flaky tests", flaky),
            ("weak tests", weak),
        ):
            lines += _section(name, findings)
        if ran := self.passed_solutions + len(self.failed_solutions):
            lines.append(f"solutions that pass their own tests: {self.passed_solutions:,} of {ran:,}")
        lines += strength_lines(self.strengths)
        if self.unjudged:
            lines.append(self.unjudged)
        return "\n".join([*lines, "ok" if self.ok else "not ok"])

    def _groups(self) -> tuple[tuple[str, dict[str, int]], ...]:
        return ("languages", self.languages), ("splits", self.splits), ("tests", self.tests)


def validate(path: Path, config: ValidateConfig, progress: Progress = silent) -> Validation:
    """Examine a file of problems or of training rows. Raises DataError for a file that cannot be opened.

    `progress` is called while solutions run, with the work done and all work; what it raises ends the examination.
    """
    rows, errors = _read(path)
    problems, answers = dict[int, Problem](), dict[int, str]()
    read_problems = adapt_rows(rows, stem=path.name, default_language=default_language(config.verifier.type))
    for (line, row), (_, problem) in zip(rows, read_problems, strict=True):
        answer = _answer(line, row)
        if isinstance(problem, Problem):
            problems[line] = problem
        elif answer is None:
            errors.append(Finding(line, str(problem)))
        if answer is not None:
            answers[line] = answer
    solutions = (
        _judged(problems, config, progress)
        if config.run_solutions
        else _SolutionsResult(0, [], [], "solutions were not run")
    )
    found = Validation(
        file=str(path),
        rows=len(rows),
        problems=len(problems),
        learnable=len(answers),
        tested=sum(problem.tests.kind != "none" for problem in problems.values()),
        languages=dict(Counter(problem.language for problem in problems.values())),
        splits=dict(Counter(problem.split or "none" for problem in problems.values())),
        tests=dict(Counter(problem.tests.kind for problem in problems.values())),
        lengths=_lengths({"prompts": [p.statement for p in problems.values()], "answers": list(answers.values())}),
        errors=errors,
        repeated_ids=_repeated((line, problem.task_id) for line, problem in problems.items()),
        repeated_prompts=_repeated((line, problem.statement) for line, problem in problems.items()),
        contamination=_contamination(problems),
        passed_solutions=solutions.passed,
        failed_solutions=solutions.failed,
        strengths=solutions.strengths,
        unjudged=solutions.unjudged,
    )
    if any(strength.mutants for strength in found.strengths):
        write_report(path, found.to_json())
    return found


def judge_solutions(problems: Iterable[Problem], settings: VerifySettings) -> Iterator[tuple[Problem, Verdict | None]]:
    """Each problem with the verdict on its own solution; None where it has no solution or no tests."""
    problems = list(problems)
    with_both = [problem for problem in problems if _has_solution_and_tests(problem)]
    with open_verifier(settings) as verifier:
        verifier.check(with_both)
        verdicts = verifier.verify_many((problem, problem.solution) for problem in with_both)
        for problem in problems:
            yield problem, next(verdicts) if _has_solution_and_tests(problem) else None


class _SolutionsResult(NamedTuple):
    """How the reference solutions did; `unjudged` says why some or all have no verdict."""

    passed: int
    failed: list[Finding]
    strengths: list[Strength]
    unjudged: str


def _judged(problems: dict[int, Problem], config: ValidateConfig, progress: Progress) -> _SolutionsResult:
    with_both = {line: problem for line, problem in problems.items() if _has_solution_and_tests(problem)}
    if not with_both:
        return _SolutionsResult(0, [], [], "no problem has both a solution and tests to run it against")
    passed, unscored, failed, strengths = 0, 0, list[Finding](), list[Strength]()
    try:
        for verdict, strength in tried(with_both, config, home() / "verdicts.db", progress):
            strengths.append(strength)
            passed += verdict.passed
            unscored += verdict.status == "unscored"
            if not verdict.passed and verdict.status != "unscored":
                text = f"{strength.task_id}: {verdict.status} {verdict.detail}".strip()
                failed.append(Finding(strength.line, text))
    except VerifierError as error:
        return _SolutionsResult(passed, failed, strengths, f"solutions were not run: {error}")
    return _SolutionsResult(passed, failed, strengths, f"{unscored} solutions could not be judged" if unscored else "")


def _has_solution_and_tests(problem: Problem) -> bool:
    return bool(problem.solution) and problem.tests.kind != "none"


def _read(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[Finding]]:
    """The numbered rows up to the first line that is no JSON object, and the error in that line."""
    rows: list[tuple[int, dict[str, Any]]] = []
    try:
        for numbered in read_jsonl(path):
            rows.append(numbered)
    except DataError as error:
        if not rows:
            raise
        return rows, [Finding(rows[-1][0] + 1, f"{error}; what follows was not read")]
    return rows, []


def _answer(line: int, row: dict[str, Any]) -> str | None:
    """The text that SFT would learn to write from a row; None for a row that it cannot use."""
    try:
        learned = training_row(line, row)
    except DataError:
        return None
    if learned.problem:
        return learned.problem.solution
    return learned.messages[-1]["content"] if learned.messages else learned.text


def _lengths(texts: dict[str, list[str]]) -> dict[str, Lengths]:
    lengths = {}
    for name, values in texts.items():
        if values:
            sizes = sorted(map(len, values))
            last = len(sizes) - 1
            lengths[name] = Lengths(sizes[0], sizes[last // 2], sizes[int(0.95 * last)], sizes[last])
    return lengths


def _repeated(values: Iterable[tuple[int, str]]) -> list[Finding]:
    first: dict[str, int] = {}
    findings = []
    for line, value in values:
        earlier = first.setdefault(value, line)
        if earlier != line:
            name = value if len(value) < 60 else "it"
            findings.append(Finding(line, f"{name} stands on line {earlier} already"))
    return findings


def _contamination(problems: dict[int, Problem]) -> list[Finding]:
    findings = []
    for line, problem in problems.items():
        hits = [hit for hit in bundled_index().check(problem) if hit.drop]
        if hits:
            rules = ", ".join(f"{hit.rule} ({hit.task_id})" for hit in hits)
            findings.append(Finding(line, f"{problem.task_id}: {rules}"))
    return findings


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def _section(name: str, findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    shown = [f"  line {finding.line}: {finding.text}" for finding in findings[:MAX_SHOWN]]
    more = [f"  and {len(findings) - MAX_SHOWN:,} more (--json shows all)"] if len(findings) > MAX_SHOWN else []
    return [f"{name}: {len(findings):,}", *shown, *more]
