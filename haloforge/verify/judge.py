"""What judges the samples of a verifier, as its front sees it: this machine, or the nodes of a cluster."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from haloforge.records import Problem
from haloforge.verify.cache import key_of
from haloforge.verify.outcome import Outcome


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One sample to judge. `known` looks for its outcome of an earlier run; `answered` takes what came of it, once."""

    problem: Problem
    code: str
    known: Callable[[], Outcome | None]
    answered: Callable[[Outcome | Exception], None]


class Judge(Protocol):
    """Judges jobs in the background. Safe to use from several threads."""

    @property
    def isolation(self) -> str:
        """The level of the sandbox in which every sample is judged."""

    @property
    def ahead(self) -> int:
        """How many samples are worth having in advance, so that nothing waits for work."""

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError, before anything runs, when these problems cannot be judged."""

    def made_by(self, language: str) -> Any:
        """What exactly programs in that language are run by, as plain values: part of the key of an outcome."""

    def put(self, job: Job) -> None:
        """Judge that sample in the background."""

    def close(self) -> None:
        """Finish what was put, then end every process."""


def asked_of(problem: Problem) -> tuple[Any, Any]:
    """What of a problem decides an outcome, as plain values: its tests, and what else the judge reads."""
    about = problem.language, problem.entry_point, problem.starter_code, problem.solution
    return dataclasses.astuple(problem.tests), about


def problem_key(problem: Problem) -> str:
    """The same for two problems that are judged alike."""
    return key_of(*asked_of(problem))
