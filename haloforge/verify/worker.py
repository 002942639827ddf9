"""One worker: the warm processes of one core, and which of them a problem needs."""

import tempfile
from pathlib import Path

from haloforge.records import Problem
from haloforge.verify.box.limits import Limits
from haloforge.verify.compiled import verify_compiled
from haloforge.verify.headers import headers_folder
from haloforge.verify.languages import language_for
from haloforge.verify.outcome import Outcome
from haloforge.verify.programs import compile_python, run_python
from haloforge.verify.settings import VerifySettings
from haloforge.verify.split import run_split
from haloforge.verify.zygote import Zygote

LEAST_WALL_S = 10.0
WALL_PER_CPU = 4.0


class Worker:
    """Starts its processes when they are first needed. Used by one thread."""

    def __init__(self, settings: VerifySettings, level: str) -> None:
        self._settings = settings
        self._level = level
        self._scratch = tempfile.TemporaryDirectory(prefix="halo-forge-", ignore_cleanup_errors=True)
        self._zygotes: dict[str, Zygote] = {}

    def judge(self, problem: Problem, code: str, limits: Limits) -> Outcome:
        """Judge one solution once. Raises BoxFailed when our own machinery failed."""
        settings, tests = self._settings, problem.tests
        language = language_for(settings.name, problem.language)
        stop = settings.stop_at_first_failure
        if language is not None:
            return verify_compiled(
                self._zygote("launcher"),
                Path(self._scratch.name),
                language,
                problem,
                code,
                limits,
                run_too=settings.run,
                stop=stop,
            )
        if tests.kind == "none":
            return compile_python(self._zygote("solution"), code, limits, also_run=settings.run)
        if tests.kind == "stdio":
            return run_python(self._zygote("solution"), code, tests.cases, tests.compare, limits, stop=stop)
        return run_split(self._zygote("solution"), self._zygote("judge"), problem, code, limits, stop=stop)

    def _zygote(self, role: str) -> Zygote:
        if role not in self._zygotes:
            headers_folder().mkdir(parents=True, exist_ok=True)  # what does not exist cannot be bound into a sandbox
            self._zygotes[role] = Zygote(role, self._level, Path(self._scratch.name))
        return self._zygotes[role]

    def restart(self) -> None:
        """End every process; the next `judge` starts fresh ones."""
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()

    def close(self) -> None:
        """End every process and remove the scratch folder."""
        self.restart()
        self._scratch.cleanup()


def limits_for(problem: Problem, settings: VerifySettings) -> Limits:
    """The problem's own limits where it has them; wall time only ends what sleeps."""
    cpu_s = problem.tests.time_limit_s or settings.time_limit_s
    memory_mb = problem.tests.memory_mb or settings.memory_mb
    return Limits(cpu_s, max(LEAST_WALL_S, cpu_s * WALL_PER_CPU), memory_mb)
