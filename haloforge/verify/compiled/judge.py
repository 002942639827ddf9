"""Judge a program of a compiled language: compile it in a folder of its own, then run the binary on every case."""

import dataclasses
import re
import shutil
import tempfile
from pathlib import Path

from haloforge.languages import Compiler
from haloforge.records import Problem, TestOutcome
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled.adapter import Adapter, AppendedTests
from haloforge.verify.compiled.build import Built, Workshop, build
from haloforge.verify.compiled.golang import Go
from haloforge.verify.compiled.java import Java
from haloforge.verify.compiled.node import JavaScript, TypeScript
from haloforge.verify.compiled.rust import Rust
from haloforge.verify.compiled.single_file import SingleFile
from haloforge.verify.completeness import incomplete, is_only_a_function
from haloforge.verify.outcome import Outcome, may_be_of_machine
from haloforge.verify.sandbox.levels import ENVIRONMENT
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.zygote import BoxFailed
from haloforge.verify.stdio import Agree, end_of, failure_of, run_cases, text_of

ADAPTERS: dict[str, Adapter] = {
    "single_file": SingleFile(),
    "rust": Rust(),
    "go": Go(),
    "java": Java(),
    "javascript": JavaScript(),
    "typescript": TypeScript(),
}
"""By the name that a compiler's record gives."""
ROOM_BYTES = 16 << 20
"""With less free space than this, an error of a compiler need not be the program's."""
_RAISED = ("AssertionError", 'Exception in thread "main" java.lang.AssertionError')
"""How the line begins by which Node and Java tell of a failed assertion."""
_COMPLAINT_OF_GO = re.compile(r"\s+\S+\.go:\d+: ")


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """A solution and how it is judged: its limits, how an output is compared with a case, and what is left out."""

    problem: Problem
    code: str
    limits: Limits
    agree: Agree
    run_untested: bool = False
    """Also run programs whose problem has no tests."""
    stop_at_first_failure: bool = False


def missing_imports(compiler: Compiler, problem: Problem) -> set[str]:
    """What the problem's tests import that this machine does not have, so that no solution would compile."""
    return ADAPTERS[compiler.adapter].missing_imports(compiler, problem)


def verify_compiled(workshop: Workshop, compiler: Compiler, submission: Submission) -> Outcome:
    """Compile and, where there are tests or it is asked for, run. Raises BoxFailed when a process of ours is gone."""
    adapter, problem = ADAPTERS[compiler.adapter], submission.problem
    tests = adapter.appended(compiler, problem.tests.code[0]) if problem.tests.kind == "program" else None
    is_untested, is_library = problem.tests.kind == "none", is_only_a_function(problem, submission.code)
    if is_library and (main := adapter.main_for_function(compiler)):
        tests = AppendedTests(main, "")
    only_check = is_library and tests is None
    sources = adapter.sources(compiler, problem, submission.code, tests)
    with tempfile.TemporaryDirectory(dir=workshop.folder, ignore_cleanup_errors=True) as folder:
        for name, text in sources.files.items():
            Path(folder, name).write_text(text, encoding="utf-8", errors="replace")
        try:
            commands = adapter.commands(
                compiler, folder, harness=bool(tests and tests.is_harness), only_check=only_check
            )
        except FileNotFoundError as error:
            raise BoxFailed(str(error)) from error
        leaves_none = only_check or compiler.runs_source or not compiler.can_run
        built = build(workshop, compiler, folder, commands, only_check=leaves_none)
        if built.error and shutil.disk_usage(folder).free < ROOM_BYTES:
            raise BoxFailed(f"no room is left to compile in {workshop.folder}")
        if built.error:
            outcome = Outcome("compile_error", built.error, level="compiled", slept=built.slept)
        elif is_untested and (reason := incomplete(problem, submission.code)):
            outcome = Outcome("no_code", reason, level="compiled")
        elif is_library or not compiler.can_run or (is_untested and not submission.run_untested):
            outcome = Outcome("passed", level="compiled")
        else:
            outcome = _run(workshop, compiler, submission, tests, folder)
    return _with_compilation(outcome, built, warns=built.warns(sources.last_line))


def _run(
    workshop: Workshop, compiler: Compiler, submission: Submission, tests: AppendedTests | None, folder: str
) -> Outcome:
    limits = submission.limits
    allowed = dataclasses.replace(limits, memory_mb=limits.memory_mb + compiler.reserved_mb)
    program = ADAPTERS[compiler.adapter].program(compiler, folder, limits.memory_mb)
    request = {
        "argv": program.argv,
        "environment": {**ENVIRONMENT, **program.environment},
        "directory": folder,
        "box": "run",
        "executable": program.executable,
        "readable": program.readable,
    }

    def start(stdin: bytes, wall_s: float) -> Ran:
        ran = run(workshop.launcher, request, dataclasses.replace(allowed, wall_s=wall_s), stdin)
        return dataclasses.replace(ran, stderr=ran.stderr.replace(f"{folder}/".encode(), b""))

    if submission.problem.tests.kind != "stdio":
        return _run_once(start(b"", limits.wall_s), tests, limits)
    cases, stop = submission.problem.tests.cases, submission.stop_at_first_failure
    return run_cases(start, cases, submission.agree, limits, stop=stop)


def _run_once(ran: Ran, tests: AppendedTests | None, limits: Limits) -> Outcome:
    """A program that carries its own tests, or has none and only has to run."""
    failure = failure_of(ran, limits)
    if failure is None and tests and not _is_finished(tests, end_of(ran.stdout)):
        failure = "exited_early", "the program ended before its tests did"
    if tests and failure and failure[0] == "runtime_error" and (line := failed_assertion(ran, tests)):
        failure = "wrong_answer", line
    status, detail = failure or ("passed", "")
    return Outcome(
        status,
        detail,
        tests=(TestOutcome("passed") if status == "passed" else TestOutcome("failed", detail),) if tests else (),
        diagnostics=text_of(ran.stderr),
        cpu_s=ran.end.cpu_s,
        memory_mb=ran.end.memory_mb,
        forgeable=tests is not None,
        level="tested" if tests else "ran",
        slept=may_be_of_machine(ran.end, limits.cpu_s) and not ran.flooded,
    )


def _is_finished(tests: AppendedTests, stdout: str) -> bool:
    if tests.is_harness:
        return any(line.startswith(tests.last_line) for line in stdout.splitlines())
    return stdout.rstrip("\n").rpartition("\n")[2] == tests.last_line


def failed_assertion(ran: Ran, tests: AppendedTests) -> str:
    """The line that says which of the tests' own assertions failed; empty where something else went wrong.

    Takes time linear in what the program wrote, of which only the end is looked at.
    """
    if tests.main:  # Go: a failed test ends with 1 and is told on stdout, a panic with 2
        lines = end_of(ran.stdout).splitlines()
        complaints = [line.strip() for line in lines if _COMPLAINT_OF_GO.match(line)]
        return (complaints or ["a test failed"])[0] if ran.end.code == 1 and "FAIL" in lines else ""
    said = text_of(ran.stderr) + ("\n" + end_of(ran.stdout) if tests.is_harness else "")
    return next((line.strip() for line in said.splitlines() if _says_assertion_failed(line)), "")


def _says_assertion_failed(line: str) -> bool:
    if line.startswith(_RAISED):
        return True
    before, found, after = line.lower().partition("assertion ")
    return bool(found) and "failed" in after


def _with_compilation(outcome: Outcome, built: Built, *, warns: bool) -> Outcome:
    return dataclasses.replace(
        outcome,
        has_warnings=warns,
        diagnostics="\n".join(part for part in (built.diagnostics, outcome.diagnostics) if part),
        memory_mb=outcome.memory_mb or built.memory_mb,
        cpu_s=outcome.cpu_s or built.cpu_s,
    )
