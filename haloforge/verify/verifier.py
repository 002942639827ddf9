"""The engine: solutions in, verdicts out, as many at a time as there are cores. Safe to use from several threads."""

import contextlib
import dataclasses
import logging
import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, as_completed
from pathlib import Path
from types import TracebackType

from haloforge.config import VerifySettings
from haloforge.cores import cores_of, usable_cores
from haloforge.errors import DataError, VerifierError
from haloforge.languages import Compiler, language_of, verifiers
from haloforge.records import Problem, Verdict
from haloforge.verify.box.confinement.limits import WALL_PER_CPU, Limits
from haloforge.verify.cache import OutcomeCache, PerProblem, key_of
from haloforge.verify.comparison import comparison
from haloforge.verify.compiled import Binaries, compiler_flaw, missing_imports
from haloforge.verify.custom import check_command, command_level
from haloforge.verify.joining import Joining
from haloforge.verify.outcome import Outcome, verdict_of
from haloforge.verify.sandbox.interpreter import OWN, Interpreter, interpreter_of
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.probe import check_interpreter, chosen_level
from haloforge.verify.sandbox.reach import usual_packages
from haloforge.verify.sandbox.zygote import BoxFailed
from haloforge.verify.toolchains import compiler_of, compiler_path, library_digest, runner_path, toolchain
from haloforge.verify.worker import Worker, limits_for

MAX_TRIES = 3
"""How often a sample is tried when our own machinery fails, before it is left unscored."""
REFERENCE_CPU_S = 60.0
"""CPU time that a reference solution may take, in seconds."""
REFERENCE_FACTOR = 4.0
"""A solution may take this many times the CPU time of its reference, and of the usual memory if that needs it."""
QUEUED_PER_WORKER = 8
"""How many samples `verify_many` takes in advance."""
STARVED_SHARE = 0.01
"""A process that had a smaller share of a core than this was asleep, however busy the machine was."""
_NO_REFERENCE = Outcome("unscored")

_log = logging.getLogger(__name__)


def open_verifier(settings: VerifySettings, cache: Path | None = None) -> "Verifier":
    """A verifier to use in a `with` block; `cache` is a file that keeps verdicts between runs.

    Verdicts of `custom` are not kept: they depend on all that its command reads, which may change. Raises VerifierError
    for an unknown verifier, or where no sandbox can be built.
    """
    if settings.type not in verifiers():
        raise VerifierError(f"unknown verifier {settings.type!r}; use one of {', '.join(verifiers())}")
    level = chosen_level(allow_unsafe=settings.allow_unsafe)
    if settings.type == "custom":
        level, cache = command_level(level, allow_unsafe=settings.allow_unsafe), None
    python = interpreter_of(settings.python)
    return Verifier(settings, level, OutcomeCache(cache) if cache else None, python)


@dataclasses.dataclass(frozen=True)
class _Task:
    key: str
    problem: Problem
    code: str
    waiting: "list[Future[Verdict]]"
    """One future for each time that this same sample was submitted before its verdict was there."""


class Verifier:
    """Judges solutions in warm sandboxes. Bad solutions are verdicts, never exceptions."""

    def __init__(
        self, settings: VerifySettings, isolation: str, cache: OutcomeCache | None, python: Interpreter = OWN
    ) -> None:
        self.isolation = isolation
        """The level of the sandbox; stands in every verdict."""
        self._settings = settings
        self._python = python
        self._cache = cache
        self._binaries = Binaries() if isolation != UNSAFE else None  # without a sandbox, programs could change them
        self._in_flight: dict[str, _Task] = {}
        self._problem_keys = PerProblem(self._problem_key)
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._references: dict[str, Outcome] = {}
        self._joining = Joining(settings)

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError, before anything runs, when these problems cannot be judged with these settings."""
        check_interpreter(self._python, self.isolation)
        seen: set[tuple[str, str, str]] = set()
        for problem in problems:
            key = (problem.language, problem.tests.kind, problem.tests.compare)
            if key not in seen:
                seen.add(key)
                _check(problem, self._settings, self.isolation)
            _check_imports(problem, self._settings)

    def submit(self, problem: Problem, code: str | None) -> "Future[Verdict]":
        """Judge in the background. `code` None means that nothing could be extracted from the model's text."""
        future: Future[Verdict] = Future()
        if code is None or not code.strip():
            future.set_result(Verdict(status="no_code", detail="no code in the answer", isolation=self.isolation))
            return future
        self._start()
        task = _Task(self._key(problem, code), problem, code, [future])
        with self._lock:
            earlier = self._in_flight.setdefault(task.key, task)
            if earlier is not task:
                earlier.waiting.append(future)
                return future
        self._tasks.put(task)
        return future

    def verify(self, problem: Problem, code: str | None) -> Verdict:
        """Judge one solution and wait for it."""
        return self.submit(problem, code).result()

    def verify_many(self, items: Iterable[tuple[Problem, str | None]]) -> Iterator[Verdict]:
        """Verdicts in the order of `items`, which are taken as workers come free, never all at once."""
        pending: deque[Future[Verdict]] = deque()
        for problem, code in items:
            pending.append(self.submit(problem, code))
            if len(pending) >= QUEUED_PER_WORKER * self._workers:
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
        with self._lock:
            threads, self._threads = self._threads, []
        for _ in threads:
            self._tasks.put(None)
        for thread in threads:
            thread.join()
        if self._cache:
            self._cache.close()

    @property
    def _workers(self) -> int:
        return self._settings.workers or usable_cores()

    def _start(self) -> None:
        with self._lock:
            if self._threads:
                return
            workers = self._workers
            for number, core in enumerate(cores_of(workers) or [None] * workers):
                thread = threading.Thread(target=self._work, args=(core,), name=f"verify-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self, core: int | None) -> None:
        if core is not None:
            with contextlib.suppress(OSError):  # it is for speed only
                os.sched_setaffinity(0, {core})  # this thread, and the processes that it will start
        worker = Worker(self._settings, self.isolation, self._binaries, self._python)
        try:
            while (task := self._tasks.get()) is not None:
                self._answer(worker, task)
        finally:
            worker.close()

    def _answer(self, worker: Worker, task: _Task) -> None:
        """Give every waiting future the verdict, or the error that prevented it, so that none waits for ever."""
        error: Exception | None = None
        try:
            verdict = verdict_of(self._outcome(worker, task), self._settings, self.isolation)
        except Exception as raised:  # noqa: BLE001 - goes to those who asked
            error = raised
        with self._lock:
            del self._in_flight[task.key]
        for future in task.waiting:
            if not future.set_running_or_notify_cancel():
                continue
            if error is None:
                future.set_result(verdict)
            else:
                future.set_exception(error)

    def _outcome(self, worker: Worker, task: _Task) -> Outcome:
        """From the cache, or else by judging the sample."""
        outcome = self._cache.get(task.key) if self._cache else None
        if outcome is None:
            outcome = self._judged(worker, task.problem, task.code)
            if self._cache:
                self._cache.put(task.key, outcome)
        return outcome

    def _key(self, problem: Problem, code: str) -> str:
        """The key of everything that decides the outcome."""
        return key_of(self._problem_keys.of(problem), code)

    def _problem_key(self, problem: Problem) -> str:
        only_scoring = {"reward", "partial", "workers", "allow_unsafe"}  # they change no outcome, only its reward
        settings = self._settings.model_dump(mode="json", exclude=only_scoring)
        settings["stop_at_first_failure"] = self._settings.stop_at_first_failure
        about = problem.language, problem.entry_point, problem.starter_code, problem.solution
        tests = dataclasses.astuple(problem.tests)
        own = usual_packages() if language_of(problem.language).syntax == "python" else ""
        interpreter = own if self._python is OWN else (self._python.version, self._python.holds)
        made_by = toolchain(self._settings, problem.language), interpreter
        return key_of(settings, self.isolation, made_by, tests, about)

    def _judged(self, worker: Worker, problem: Problem, code: str) -> Outcome:
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
        key = self._problem_keys.of(problem)
        if key not in self._references:
            memory_mb = int(REFERENCE_FACTOR * self._settings.memory_mb)
            generous = Limits(REFERENCE_CPU_S, WALL_PER_CPU * REFERENCE_CPU_S, memory_mb)
            outcome = self._tried(worker, problem, problem.solution, generous)
            unknown = dataclasses.replace(_NO_REFERENCE, slept=outcome.slept or outcome.status == "unscored")
            self._references[key] = outcome if outcome.status == "passed" else unknown
        return self._references[key]

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""
        return self._joining.chosen

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


def _check(problem: Problem, settings: VerifySettings, level: str) -> None:
    if settings.type == "custom":
        check_command(settings, level, problem)
        return
    compiler = compiler_of(settings, problem.language)
    kind = problem.tests.kind
    if compiler is not None:
        _check_compiler(compiler, kind, level)
    if kind == "stdio" and problem.tests.compare != "checker":
        try:
            comparison(problem.tests.compare)
        except DataError as error:
            raise VerifierError(f"{problem.task_id}: {error}") from error


def _check_compiler(compiler: Compiler, kind: str, level: str) -> None:
    if kind in ("asserts", "check", "pytest"):
        raise VerifierError(f"tests of kind {kind!r} are Python; {compiler.name} takes stdio, program or none")
    if compiler_path(compiler) is None:
        raise VerifierError(f"{compiler.command} is not installed; apt-get install {compiler.package} (Debian, Ubuntu)")
    if compiler.runner and runner_path(compiler) is None:
        raise VerifierError(f"{compiler.runner} is not installed, which runs what {compiler.command} leaves")
    for library in compiler.libraries:
        library_digest(library)
    if not compiler.can_run and kind != "none":
        raise VerifierError(f"{compiler.name} only compiles; its problems cannot have tests of kind {kind!r}")
    if flaw := compiler_flaw(compiler, level):
        raise VerifierError(f"{compiler.name} cannot be used at isolation level {level}: {flaw}")


def _check_imports(problem: Problem, settings: VerifySettings) -> None:
    """Raises VerifierError when the tests import what is not here: then no solution would compile."""
    if problem.tests.kind != "program" or settings.type == "custom":
        return
    compiler = compiler_of(settings, problem.language)
    missing = missing_imports(compiler, problem) if compiler else set()
    if missing:
        language = language_of(problem.language).display_name
        where = "; name the jar that has it in verifier.classpath" if compiler and compiler.takes_libraries else ""
        raise VerifierError(
            f"{problem.task_id}: its tests need {', '.join(sorted(missing))}, which is not there for {language}{where}"
        )
