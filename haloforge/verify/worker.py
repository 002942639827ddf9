"""One worker: owns warm processes, and chooses how to judge a sample by its language and its kind of tests."""

import contextlib
from pathlib import Path

from haloforge.config import VerifySettings
from haloforge.records import Problem
from haloforge.verify.box.confinement.limits import SUITES_KEPT, WALL_PER_CPU, Limits
from haloforge.verify.cache import PerProblem
from haloforge.verify.compiled import Binaries, Submission, Workshop, verify_compiled
from haloforge.verify.custom import run_custom, start_box
from haloforge.verify.outcome import Outcome
from haloforge.verify.python.files import explained
from haloforge.verify.python.programs import compile_python, run_python
from haloforge.verify.python.suites import Trial, run_joined, run_split, suite_of
from haloforge.verify.sandbox.interpreter import OWN, Interpreter
from haloforge.verify.sandbox.kept import headers_folder
from haloforge.verify.sandbox.levels import PACKAGES
from haloforge.verify.sandbox.scratch import Scratch
from haloforge.verify.sandbox.workspace import Places, Workspace
from haloforge.verify.sandbox.zygote import Zygote
from haloforge.verify.stdio import Agree, agreement
from haloforge.verify.toolchains import compiler_of

MIN_WALL_S = 10.0
"""Wall time that every sample has, in seconds."""


class Worker:
    """The warm processes of one core, started when they are first needed. Used by one thread."""

    def __init__(
        self, settings: VerifySettings, level: str, binaries: Binaries | None = None, python: Interpreter = OWN
    ) -> None:
        self._settings = settings
        self._python = python
        self._level = level
        self._binaries = binaries
        self._scratch = Scratch()
        self._suites = PerProblem(suite_of, SUITES_KEPT)
        self._zygotes: dict[tuple[str, bool, bool], Zygote] = {}
        self._workspace: Workspace | None = None
        self._workspaces = 0

    def judge(self, problem: Problem, code: str, limits: Limits, *, joined: bool = False) -> Outcome:
        """Judge one solution once, with `joined` in the process of its tests. Raises BoxFailed when our own failed."""
        settings, tests = self._settings, problem.tests
        if settings.type == "custom":
            scratch = self._scratch.folder
            return run_custom(self._command_box(scratch), scratch, settings, problem, code, limits)
        compiler = compiler_of(settings, problem.language)
        stop = settings.stop_at_first_failure
        agree = agreement(tests, lambda: self._zygote("judge"), limits)
        if compiler is not None:
            workshop = Workshop(self._zygote("launcher"), self._scratch.folder, self._binaries)
            submission = Submission(problem, code, limits, agree, settings.run_after_compile, stop)
            return verify_compiled(workshop, compiler, submission)
        outcome = self._judge_python(problem, code, limits, agree, joined=joined)
        return explained(outcome, problem, code) if self._level == "noopen" else outcome

    def _judge_python(self, problem: Problem, code: str, limits: Limits, agree: Agree, *, joined: bool) -> Outcome:
        tests, stop = problem.tests, self._settings.stop_at_first_failure
        heavy = any(name in text for name in PACKAGES for text in (code, tests.setup, *tests.code, *tests.hidden))
        solution = self._zygote("solution", packages_too=heavy)
        if tests.kind == "none":
            return compile_python(solution, problem, code, limits, also_run=self._settings.run_after_compile)
        if tests.kind == "stdio":
            return run_python(solution, code, tests.cases, agree, limits, stop=stop)
        trial = Trial(self._suites.of(problem), code, limits, stop)
        if joined or trial.suite.joined:
            return run_joined(self._zygote("judge", packages_too=heavy, apart=True), trial)
        return run_split(solution, self._zygote("judge", packages_too=heavy), trial)

    def _zygote(self, role: str, *, packages_too: bool = False, apart: bool = False) -> Zygote:
        """The warm process for that role.

        `apart`: tests that share a process with the solution are kept in one that never judges other tests.
        """
        key = (role, packages_too, apart)
        if key not in self._zygotes:
            with contextlib.suppress(OSError):  # no place to keep them, no precompiled headers
                headers_folder().mkdir(parents=True, exist_ok=True)  # before it is bound into the sandbox
            places = Places(self._scratch.folder if role == "launcher" else None, self._own_workspace())
            self._zygotes[key] = Zygote(role, self._level, places, packages_too=packages_too, python=self._python)
        return self._zygotes[key]

    def _own_workspace(self) -> Workspace | None:
        """Where this worker's samples write; None where no file can be opened."""
        if self._workspace is None and self._level != "noopen":
            self._workspaces += 1
            with contextlib.suppress(OSError):  # on a machine where we can write nowhere, they cannot either
                self._workspace = Workspace(self._scratch.folder / f"work-{self._workspaces}", self._level)
        return self._workspace

    def _command_box(self, scratch: Path) -> Zygote:
        key = ("command", False, False)
        if key not in self._zygotes:
            self._zygotes[key] = start_box(self._settings, self._level, scratch)
        return self._zygotes[key]

    def restart(self) -> None:
        """End every process; the next `judge` starts fresh ones."""
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()
        if self._workspace:
            self._workspace.close()
            self._workspace = None

    def close(self) -> None:
        """End every process and remove the scratch folder."""
        self.restart()
        self._scratch.remove()


def limits_for(problem: Problem, settings: VerifySettings) -> Limits:
    """The problem's own limits where it has them, else those of the settings."""
    cpu_s = problem.tests.time_limit_s or settings.time_limit_s
    memory_mb = problem.tests.memory_mb or settings.memory_mb
    return Limits(cpu_s, max(MIN_WALL_S, cpu_s * WALL_PER_CPU), memory_mb)
