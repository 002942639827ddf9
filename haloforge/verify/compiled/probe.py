"""Whether a compiler and its programs can be sandboxed here: found out by compiling and running probe programs."""

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator

from haloforge.languages import LANGUAGES, PROBE_REPORT, Compiler
from haloforge.records import Case, Problem, Tests
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled.build import Workshop
from haloforge.verify.compiled.judge import Submission, verify_compiled
from haloforge.verify.outcome import Outcome
from haloforge.verify.sandbox.kept import headers_folder
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.scratch import Scratch
from haloforge.verify.sandbox.workspace import Places
from haloforge.verify.sandbox.zygote import BoxFailed, Zygote

_LIMITS = Limits(cpu_s=5, wall_s=30, memory_mb=1024)
_CONTAINED = Tests("stdio", cases=(Case("", f"{PROBE_REPORT}\n"),))

Judge = Callable[[str, Tests], Outcome]
"""Judges a program by tests with the compiler that is tried."""


@functools.cache
def compiler_flaw(compiler: Compiler, level: str) -> str | None:
    """What is wrong with this compiler in the sandbox of that level; None when it works and the sandbox holds.

    Takes a second, and several more when a precompiled library has to be made first.
    """
    if level == "noopen":
        return "a compiler has to open files, which the sandbox of this machine cannot let it do; install bubblewrap"
    try:
        with trying(compiler, level) as judge:
            return compile_failure(compiler, judge) or (None if level == UNSAFE else escape(compiler, judge))
    except BoxFailed as error:
        return f"its sandbox cannot be started ({error})"
    except OSError as error:
        return str(error)


@contextlib.contextmanager
def trying(compiler: Compiler, level: str) -> Iterator[Judge]:
    """A judge of programs of that compiler's language, in a sandbox of its own. Raises BoxFailed, OSError."""
    language, scratch = LANGUAGES[compiler.language], Scratch()
    with contextlib.suppress(OSError):  # no place to keep them, no precompiled headers
        headers_folder().mkdir(parents=True, exist_ok=True)  # before it is bound into the sandbox
    try:
        launcher = Zygote("launcher", level, Places(scratch.folder))
        try:

            def judge(code: str, tests: Tests) -> Outcome:
                problem = Problem("probe", "", language=language.name, tests=tests)
                submission = Submission(problem, code, _LIMITS, lambda case, output: output == case.output)
                return verify_compiled(Workshop(launcher, scratch.folder), compiler, submission)

            yield judge
        finally:
            launcher.close()
    finally:
        scratch.remove()


def compile_failure(compiler: Compiler, judge: Judge) -> str | None:
    """Why a plain program does not compile: a sandbox in which nothing starts contains everything, too."""
    language = LANGUAGES[compiler.language]
    outcome = judge(language.probe if compiler.can_run and language.probe else language.smallest_program, Tests())
    if outcome.status in ("passed", "no_code"):  # the smallest program compiles, and does nothing
        return None
    return f"it does not compile a plain program in the sandbox ({outcome.detail})"


def escape(compiler: Compiler, judge: Judge) -> str | None:
    """What a probe program, or the compiler for it, could do that the sandbox must not allow; None when it holds."""
    language = LANGUAGES[compiler.language]
    if compiler.can_run and language.probe:
        outcome = judge(language.probe, _CONTAINED)
        if outcome.status != "passed":
            return f"a canary was not contained ({outcome.detail})"
    if language.file_reading_line:
        with tempfile.NamedTemporaryFile("w", prefix="halo-forge-canary-", suffix=".h") as secret:
            code = language.file_reading_line.format(path=secret.name) + language.smallest_program
            if judge(code, Tests()).status != "compile_error":
                return "a canary could read a file of yours while it was compiled"
    return None
