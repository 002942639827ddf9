"""How strong the tests of problems are: which small changes of the reference solution they let pass.

A problem's tests are tried on mutants of its reference. A mutant that they pass has survived: either the tests miss it,
or it does what the reference does. A test is redundant where the others stop every mutant that it stops. Tests are
flaky where the same solution does not always get the same outcomes.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.answers import Mutant, mutants
from haloforge.config import ValidateConfig
from haloforge.languages import language_of
from haloforge.markup.numbers import percent
from haloforge.python_source import defined_names
from haloforge.records import Problem, TestOutcome, Verdict
from haloforge.verify import Verifier, open_verifier

USUAL_MUTANTS = 8
"""Mutants per reference in Python where the user says nothing; compiling as many would take minutes."""
WEAK_SHARE = 0.5
"""The tests of a problem are weak where this share of its mutants survives."""
MIN_MUTANTS = 4
"""With fewer mutants judged no tests are called weak, and with fewer stopped none redundant."""
SHOWN_CHANGES = 5
"""Surviving changes of one problem that are kept."""
Progress = Callable[[int, int], None]
"""Called with the steps done and all steps; a step is one run of a solution, or one problem's mutants."""
_LIMITS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0)
_TIMES_REFERENCE = 4.0


@dataclass(frozen=True, slots=True)
class Strength:
    """What was found out about the tests of one problem."""

    line: int
    task_id: str
    tests: int = 0
    """How many tests it has."""
    mutants: int = 0
    """Mutants that were judged; those that did not compile are left out."""
    survived: int = 0
    changes: tuple[str, ...] = ()
    """What the first survivors changed."""
    redundant: tuple[int, ...] = ()
    """Numbers of tests, from 1, without which the others would stop the same mutants."""
    flaky: str = ""
    """How runs of the solution differed; empty where they agreed."""
    not_measured: str = ""
    """Why no mutants were judged; empty where some were."""

    @property
    def is_weak(self) -> bool:
        """Whether so many mutants survive that a model may well learn to pass these tests by less than a solution."""
        return self.mutants >= MIN_MUTANTS and self.survived >= WEAK_SHARE * self.mutants

    @property
    def weakness(self) -> str:
        """How many mutants survive, and what the first of them changed."""
        return f"{self.task_id}: {self.survived} of {self.mutants} mutants survive, the first: {self.changes[0]}"


def weak_ones(strengths: Iterable[Strength]) -> list[Strength]:
    """Those with weak tests, by the share of mutants that survive, the weakest first."""
    return sorted((s for s in strengths if s.is_weak), key=lambda strength: -strength.survived / strength.mutants)


def strength_lines(strengths: Sequence[Strength]) -> list[str]:
    """The sums over all problems, for people, one fact a line."""
    lines = []
    measured = [strength for strength in strengths if strength.mutants]
    if measured:
        made, survived = sum(s.mutants for s in measured), sum(s.survived for s in measured)
        score = percent((made - survived) / made, 0)
        lines.append(
            f"mutation score: {score}, as tests stopped {made - survived:,} of {made:,} mutants "
            f"of the solutions of {len(measured):,} problems; a survivor may do what the solution does"
        )
        redundant, tests = sum(len(s.redundant) for s in measured), sum(s.tests for s in measured)
        lines.append(f"redundant tests: {redundant:,} of {tests:,}, as far as these mutants show (--json names them)")
    reasons = Counter(strength.not_measured for strength in strengths if strength.not_measured)
    return lines + [f"mutation score of {n:,} problems: not measured, {why}" for why, n in reasons.items()]


def silent(done: int, total: int) -> None:
    """A progress that nobody watches."""


def tried(
    problems: Mapping[int, Problem], config: ValidateConfig, cache: Path | None, progress: Progress = silent
) -> Iterator[tuple[Verdict, Strength]]:
    """For each problem, which has a solution and tests, the verdict on that solution and the strength of those tests.

    Keys are the problems' lines. `cache` keeps verdicts on mutants; solutions have to run every time. Raises
    VerifierError before anything runs where they cannot be judged.
    """
    with open_verifier(config.verifier) as verifier:
        verifier.check(problems.values())
        steps = (config.solution_runs + 1) * len(problems)
        step = _steps(progress, steps)
        runs = [_run_all(problems.values(), verifier, step) for _ in range(config.solution_runs)]
    drawn = [_drawn(problem, run, config.mutants) for problem, run in zip(problems.values(), runs[0], strict=True)]
    with open_verifier(config.verifier, cache) as verifier:
        verdicts = verifier.verify_many(
            (_limited(problem, run), mutant.code)
            for problem, run, found in zip(problems.values(), runs[0], drawn, strict=True)
            for mutant in found or ()
        )
        for (line, problem), found, *of_solution in zip(problems.items(), drawn, *runs, strict=True):
            of_mutants = [(mutant, next(verdicts)) for mutant in found or ()]
            next(step)
            strength = _strength(line, problem, of_solution[0], of_mutants)
            yield of_solution[0], replace(strength, flaky=_difference(of_solution))


def _steps(progress: Progress, total: int) -> Iterator[None]:
    """One item a step that was done."""
    for done in itertools.count(1):
        progress(done, total)
        yield


def _run_all(problems: Iterable[Problem], verifier: Verifier, step: Iterator[None]) -> list[Verdict]:
    verdicts = verifier.verify_many((problem, problem.solution) for problem in problems)
    return [verdict for verdict, _ in zip(verdicts, step, strict=False)]


def _drawn(problem: Problem, reference: Verdict, count: int | None) -> list[Mutant] | None:
    """Mutants to judge; None where the language's programs are not changed."""
    if count is None:
        count = USUAL_MUTANTS if language_of(problem.language).syntax == "python" else 0
    if not reference.passed or problem.solution is None or count == 0:
        return []
    given = set(defined_names(problem.starter_code)) - {problem.entry_point}
    return mutants(problem.solution, problem.language, count, given=given)


def _limited(problem: Problem, reference: Verdict) -> Problem:
    """The problem with a time limit that suits its reference, so that a mutant in an endless loop costs little."""
    wanted = _TIMES_REFERENCE * reference.cpu_s
    limit = next((limit for limit in _LIMITS_S if limit >= wanted), _LIMITS_S[-1])
    own = problem.tests.time_limit_s
    return replace(problem, tests=replace(problem.tests, time_limit_s=limit if own is None else min(own, limit)))


def _strength(
    line: int, problem: Problem, reference: Verdict, of_mutants: Sequence[tuple[Mutant, Verdict]]
) -> Strength:
    judged = [(m, v) for m, v in of_mutants if v.status not in ("compile_error", "unscored")]
    if not judged:
        why = "no mutant of its solution could be judged" if of_mutants else _why_none(problem, reference)
        return Strength(line, problem.task_id, reference.tests_total, not_measured=why)
    survivors = [mutant for mutant, verdict in judged if verdict.passed]
    return Strength(
        line,
        problem.task_id,
        reference.tests_total,
        mutants=len(judged),
        survived=len(survivors),
        changes=tuple(mutant.change for mutant in survivors[:SHOWN_CHANGES]),
        redundant=redundant_tests([verdict.tests for _, verdict in judged if not verdict.passed]),
    )


def _why_none(problem: Problem, reference: Verdict) -> str:
    if not reference.passed:
        return f"its solution does not pass ({reference.status})"
    language = language_of(problem.language)
    if language.syntax == "unknown":
        return f"mutants of {language.display_name} are not made"
    if language.syntax != "python":
        return f"mutants of {language.display_name} are made where --mutants says how many"
    return "no mutants were asked for, or nothing in its solution can be changed"


def redundant_tests(outcomes: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Numbers of the tests, from 1, that can all be left out while every stopped mutant is still stopped.

    `outcomes` holds the tests' outcomes for each stopped mutant; one in which a test did not run is not counted. Of
    tests that stop the same mutants the first is kept.
    """
    complete = [tests for tests in outcomes if tests and "not run" not in tests]
    stopped_by = [{n for n, text in enumerate(tests, 1) if not _passed(text)} for tests in complete]
    stopped_by = [tests for tests in stopped_by if tests]
    if len(stopped_by) < MIN_MUTANTS:
        return ()
    redundant: list[int] = []
    for number in range(len(complete[0]), 0, -1):
        if all(tests - {number, *redundant} for tests in stopped_by):
            redundant.append(number)
    return tuple(sorted(redundant))


def _passed(text: str) -> bool:
    return TestOutcome.from_text(text).passed


def _difference(runs: Sequence[Verdict]) -> str:
    """How the verdicts on one solution differ; empty where they do not, or where some could not be made."""
    outcomes = {(run.status, tuple(map(_passed, run.tests))) for run in runs if run.status != "unscored"}
    if len(outcomes) < 2:
        return ""
    passed = sum(run.passed for run in runs)
    if 0 < passed < len(runs):
        return f"its solution passed {passed} of {len(runs)} runs"
    return f"{len(runs)} runs of its solution ended in {len(outcomes)} ways"
