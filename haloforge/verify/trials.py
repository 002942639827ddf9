"""How a sample is judged: once, and again where the first limits may have been unfair or our own machinery failed."""

import dataclasses
import logging
import os

from haloforge.config import VerifySettings
from haloforge.cores import usable_cores
from haloforge.records import Problem
from haloforge.verify.box.confinement.limits import WALL_PER_CPU, Limits
from haloforge.verify.cache import PerProblem
from haloforge.verify.joining import Joining
from haloforge.verify.judge import problem_key
from haloforge.verify.outcome import Outcome
from haloforge.verify.sandbox.zygote import BoxFailed
from haloforge.verify.worker import Worker, limits_for

MAX_TRIES = 3
"""How often a sample is tried when our own machinery fails, before it is left unscored."""
REFERENCE_CPU_S = 60.0
"""CPU time that a reference solution may take, in seconds."""
REFERENCE_FACTOR = 4.0
"""A solution may take this many times the CPU time of its reference, and of the usual memory if that needs it."""
STARVED_SHARE = 0.01
"""A process that had a smaller share of a core than this was asleep, however busy the machine was."""
_NO_REFERENCE = Outcome("unscored")

_log = logging.getLogger(__name__)


class Trials:
    """What the workers of one machine share: the measured references, and which problems are judged joined."""

    def __init__(self, settings: VerifySettings) -> None:
        self._settings = settings
        self._joining = Joining(settings)
        self._keys = PerProblem(problem_key)
        self._references: dict[str, Outcome] = {}

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""
        return self._joining.chosen

    def judged(self, worker: Worker, problem: Problem, code: str) -> Outcome:
        """Judge the sample; again with more time or memory where the first limits may have been unfair."""
        limits = limits_for(problem, self._settings)
        self._joining.decide(problem, lambda code, joined: self._tried(worker, problem, code, limits, joined=joined))
        outcome = self._tried(worker, problem, code, limits)
        if outcome.slept and _may_have_starved(outcome, limits):
            limits = dataclasses.replace(limits, wall_s=limits.wall_s * 2)
            outcome = self._tried(worker, problem, code, limits)
        if outcome.status in ("timeout", "memory_limit") and not outcome.slept:
            reference = self._reference(worker, problem)
            fair = _fair_limits(outcome, reference, limits)
            outcome = outcome if fair == limits else self._tried(worker, problem, code, fair)
            if reference.slept and outcome.status != "passed":  # no other run need know of this
                outcome = dataclasses.replace(outcome, slept=True)
        return outcome

    def _reference(self, worker: Worker, problem: Problem) -> Outcome:
        """How the reference solution did. Measured once per problem, and only if a sample ran out of time or memory.

        `slept` where it could not be measured on this machine now.
        """
        tests = problem.tests
        if problem.solution is None or tests.time_limit_s is not None or tests.memory_mb is not None:
            return _NO_REFERENCE
        key = self._keys.of(problem)
        if key not in self._references:
            memory_mb = int(REFERENCE_FACTOR * self._settings.memory_mb)
            generous = Limits(REFERENCE_CPU_S, WALL_PER_CPU * REFERENCE_CPU_S, memory_mb)
            outcome = self._tried(worker, problem, problem.solution, generous)
            unknown = dataclasses.replace(_NO_REFERENCE, slept=outcome.slept or outcome.status == "unscored")
            self._references[key] = outcome if outcome.status == "passed" else unknown
        return self._references[key]

    def _tried(
        self, worker: Worker, problem: Problem, code: str, limits: Limits, *, joined: bool | None = None
    ) -> Outcome:
        """Judge under these limits. The one place where a failure of our own machinery becomes `unscored`."""
        reason = ""
        joined = self._joining.applies_to(problem) if joined is None else joined
        for _ in range(MAX_TRIES):
            try:
                return worker.judge(problem, code, limits, joined=joined)
            except BoxFailed as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - the boundary: what fails here is never the sample's fault
                _log.exception("verification of %s failed", problem.task_id)
                reason = f"{type(error).__name__}: {error}"
            worker.restart()
        return Outcome("unscored", f"verification itself failed {MAX_TRIES} times: {reason}")


def _fair_limits(outcome: Outcome, reference: Outcome, limits: Limits) -> Limits:
    """Larger limits where the reference itself needs much."""
    cpu_s = max(limits.cpu_s, REFERENCE_FACTOR * reference.cpu_s)
    memory_mb = limits.memory_mb
    if outcome.status == "memory_limit" and reference.memory_mb * 2 > memory_mb:
        memory_mb = int(REFERENCE_FACTOR * memory_mb)
    return Limits(cpu_s, max(limits.wall_s, cpu_s * WALL_PER_CPU), memory_mb)


def _may_have_starved(outcome: Outcome, limits: Limits) -> bool:
    """Whether a sample that the wall clock ended wanted to run, on a machine that had more to run than it can."""
    return outcome.cpu_s >= STARVED_SHARE * limits.wall_s and os.getloadavg()[0] > usable_cores()
