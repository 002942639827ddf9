"""The engine: solutions in, verdicts out, as many at a time as there are cores. Safe to use from several threads."""

import dataclasses
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, as_completed
from pathlib import Path
from types import TracebackType

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import verifiers
from haloforge.records import Problem, Verdict
from haloforge.verify.cache import OutcomeCache, PerProblem, key_of
from haloforge.verify.custom import command_level
from haloforge.verify.judge import Job, Judge, asked_of
from haloforge.verify.machine import ThisMachine
from haloforge.verify.outcome import Outcome, verdict_of
from haloforge.verify.sandbox.interpreter import OWN, Interpreter, interpreter_of
from haloforge.verify.sandbox.probe import chosen_level


def open_verifier(settings: VerifySettings, cache: Path | None = None) -> "Verifier":
    """A verifier to use in a `with` block; `cache` is a file that keeps verdicts between runs.

    Verdicts of `custom` are not kept: they depend on all that its command reads, which may change. Raises VerifierError
    for an unknown verifier, where no sandbox can be built, or where no node of the cluster can judge.
    """
    if settings.type not in verifiers():
        raise VerifierError(f"unknown verifier {settings.type!r}; use one of {', '.join(verifiers())}")
    if settings.cluster:
        return Verifier(settings, _cluster(settings), OutcomeCache(cache) if cache else None)
    level = chosen_level(allow_unsafe=settings.allow_unsafe)
    if settings.type == "custom":
        level, cache = command_level(level, allow_unsafe=settings.allow_unsafe), None
    python = interpreter_of(settings.python)
    return verifier_at(level, settings, python, OutcomeCache(cache) if cache else None)


def verifier_at(
    level: str, settings: VerifySettings, python: Interpreter = OWN, cache: OutcomeCache | None = None
) -> "Verifier":
    """A verifier on this machine at a level of isolation that is taken for granted."""
    return Verifier(settings, ThisMachine(settings, level, python), cache)


def _cluster(settings: VerifySettings) -> Judge:
    from haloforge.verify.cluster import open_cluster  # only runs on a cluster pay for it

    return open_cluster(settings)


@dataclasses.dataclass(frozen=True)
class _Task:
    key: str
    waiting: "list[Future[Verdict]]"
    """One future for each time that this same sample was submitted before its verdict was there."""


class Verifier:
    """Judges solutions in warm sandboxes. Bad solutions are verdicts, never exceptions."""

    def __init__(self, settings: VerifySettings, judge: Judge, cache: OutcomeCache | None) -> None:
        self.isolation = judge.isolation
        """The level of the sandbox; stands in every verdict."""
        self._settings = settings
        self._judge = judge
        self._cache = cache
        self._in_flight: dict[str, _Task] = {}
        self._problem_keys = PerProblem(self._problem_key)
        self._lock = threading.Lock()

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError, before anything runs, when these problems cannot be judged with these settings."""
        self._judge.check(problems)

    def submit(self, problem: Problem, code: str | None) -> "Future[Verdict]":
        """Judge in the background. `code` None means that nothing could be extracted from the model's text."""
        future: Future[Verdict] = Future()
        if code is None or not code.strip():
            future.set_result(Verdict(status="no_code", detail="no code in the answer", isolation=self.isolation))
            return future
        task = _Task(self._key(problem, code), [future])
        with self._lock:
            earlier = self._in_flight.setdefault(task.key, task)
            if earlier is not task:
                earlier.waiting.append(future)
                return future
        self._judge.put(Job(problem, code, lambda: self._known(task.key), lambda outcome: self._answer(task, outcome)))
        return future

    def verify(self, problem: Problem, code: str | None) -> Verdict:
        """Judge one solution and wait for it."""
        return self.submit(problem, code).result()

    def verify_many(self, items: Iterable[tuple[Problem, str | None]]) -> Iterator[Verdict]:
        """Verdicts in the order of `items`, which are taken as workers come free, never all at once."""
        pending: deque[Future[Verdict]] = deque()
        for problem, code in items:
            pending.append(self.submit(problem, code))
            if len(pending) >= self._judge.ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def verify_each(self, problem: Problem, codes: Iterable[str | None]) -> Iterator[tuple[int, Verdict]]:
        """Many solutions of one problem: (position, verdict) of each, as each finishes."""
        positions = {self.submit(problem, code): position for position, code in enumerate(codes)}
        for future in as_completed(positions):
            yield positions[future], future.result()

    def close(self) -> None:
        """Finish what was submitted, then end every process."""
        self._judge.close()
        if self._cache:
            self._cache.close()

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""
        return self._judge.joined

    def _known(self, key: str) -> Outcome | None:
        return self._cache.get(key) if self._cache else None

    def _answer(self, task: _Task, outcome: Outcome | Exception) -> None:
        """Give every waiting future the verdict, or the error that prevented it, so that none waits for ever."""
        if isinstance(outcome, Exception):
            error, verdict = outcome, None
        else:
            error, verdict = None, verdict_of(outcome, self._settings, self.isolation)
            if self._cache:
                self._cache.put(task.key, outcome)
        with self._lock:
            del self._in_flight[task.key]
        for future in task.waiting:
            if not future.set_running_or_notify_cancel():
                continue
            if verdict is not None:
                future.set_result(verdict)
            else:
                future.set_exception(error)

    def _key(self, problem: Problem, code: str) -> str:
        """The key of everything that decides the outcome."""
        return key_of(self._problem_keys.of(problem), code)

    def _problem_key(self, problem: Problem) -> str:
        change_no_outcome = {"reward", "partial", "workers", "allow_unsafe", "cluster"}
        in_made_by = {"cpp_standard"}  # among a compiler's arguments, so that it changes no key of another language
        settings = self._settings.model_dump(mode="json", exclude=change_no_outcome | in_made_by)
        settings["stop_at_first_failure"] = self._settings.stop_at_first_failure
        return key_of(settings, self.isolation, self._judge.made_by(problem.language), *asked_of(problem))
