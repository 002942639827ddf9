"""This machine as the judge: a worker on a thread of its own for each core."""

import contextlib
import os
import queue
import threading
from collections.abc import Iterable
from typing import Any

from haloforge.config import VerifySettings
from haloforge.cores import cores_of, usable_cores
from haloforge.languages import language_of
from haloforge.records import Problem
from haloforge.verify.compiled import Binaries
from haloforge.verify.judge import Job
from haloforge.verify.requirements import check_imports, check_problem
from haloforge.verify.sandbox.interpreter import OWN, Interpreter
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.probe import check_interpreter
from haloforge.verify.sandbox.reach import usual_packages
from haloforge.verify.toolchains import toolchain
from haloforge.verify.trials import Trials
from haloforge.verify.worker import Worker

QUEUED_PER_WORKER = 8
"""How many samples are taken in advance."""


class ThisMachine:
    """Starts its workers with the first job."""

    def __init__(self, settings: VerifySettings, isolation: str, python: Interpreter = OWN) -> None:
        self.isolation = isolation
        self._settings = settings
        self._python = python
        self._binaries = Binaries() if isolation != UNSAFE else None  # without a sandbox, programs could change them
        self._trials = Trials(settings)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def ahead(self) -> int:
        """Eight samples per worker."""
        return QUEUED_PER_WORKER * self._workers

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""
        return self._trials.joined

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError, before anything runs, when these problems cannot be judged with these settings."""
        check_interpreter(self._python, self.isolation)
        seen: set[tuple[str, str, str]] = set()
        for problem in problems:
            key = (problem.language, problem.tests.kind, problem.tests.compare)
            if key not in seen:
                seen.add(key)
                check_problem(problem, self._settings, self.isolation)
            check_imports(problem, self._settings)

    def made_by(self, language: str) -> Any:
        """The compiler with its arguments, or the interpreter with its packages."""
        own = usual_packages() if language_of(language).syntax == "python" else ""
        interpreter = own if self._python is OWN else (self._python.version, self._python.holds)
        return toolchain(self._settings, language), interpreter

    def put(self, job: Job) -> None:
        """Judge that sample in the background."""
        self._start()
        self._jobs.put(job)

    def close(self) -> None:
        """Finish what was put, then end every process."""
        with self._lock:
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

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
            while (job := self._jobs.get()) is not None:
                self._answer(worker, job)
        finally:
            worker.close()

    def _answer(self, worker: Worker, job: Job) -> None:
        try:
            outcome = job.known() or self._trials.judged(worker, job.problem, job.code)
        except Exception as error:  # noqa: BLE001 - goes to those who asked
            job.answered(error)
        else:
            job.answered(outcome)
