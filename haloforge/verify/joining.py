"""Which problems have their Python tests run in one process with the solution, as other harnesses do. Can be forged."""

import logging
import threading
from collections.abc import Callable

from haloforge.config import VerifySettings
from haloforge.records import Problem, Tests
from haloforge.verify.outcome import Outcome

_KINDS = ("asserts", "check", "pytest", "program")

_log = logging.getLogger(__name__)
_Key = tuple[str, Tests, str | None]


class Joining:
    """What `verifier.mode` says, and what `auto_joined` has found out. Safe between threads."""

    def __init__(self, settings: VerifySettings) -> None:
        self._mode = settings.mode
        self._type = settings.type
        self._decided: dict[_Key, bool] = {}
        self._lock = threading.Lock()

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` joined."""
        return tuple(key[0] for key, joined in list(self._decided.items()) if joined)

    def applies_to(self, problem: Problem) -> bool:
        """Whether this problem is judged in one process."""
        return self._may_join(problem) and (self._mode == "joined" or self._decided.get(_key(problem), False))

    def _may_join(self, problem: Problem) -> bool:
        is_python = problem.language == "python" and self._type in ("auto", "python")
        return self._mode != "split" and is_python and problem.tests.kind in _KINDS

    def decide(self, problem: Problem, tried: Callable[[str, bool], Outcome]) -> None:
        """With `auto_joined`, once per problem: whether its reference passes only in one process with its tests.

        `tried` judges the reference, apart or joined. A problem without a reference stays split.
        """
        if self._mode != "auto_joined" or not self._may_join(problem) or not isinstance(problem.solution, str):
            return
        if _key(problem) in self._decided:
            return
        with self._lock:  # other workers wait for it, instead of trying the same
            if _key(problem) in self._decided:
                return
            fails = tried(problem.solution, False).status != "passed"
            joined = fails and tried(problem.solution, True).status == "passed"
            self._decided[_key(problem)] = joined
        if joined:
            _log.warning("%s: its reference passes only in one process with its tests; joined", problem.task_id)


def _key(problem: Problem) -> _Key:
    """Two problems may have one id, in two files."""
    return problem.task_id, problem.tests, problem.solution
