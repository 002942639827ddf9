"""Compiled languages: compile in a folder of its own, then run the binary on every case."""

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from haloforge.records import Problem
from haloforge.verify.box.limits import Limits
from haloforge.verify.headers import arguments_for
from haloforge.verify.languages import Language, compiler_path, linker_arguments
from haloforge.verify.outcome import Outcome
from haloforge.verify.programs import Agree, failure_of, run_cases, text_of
from haloforge.verify.rust import without_unused_crates
from haloforge.verify.sandbox import ENVIRONMENT
from haloforge.verify.settings import VerifySettings
from haloforge.verify.streams import Ran, run
from haloforge.verify.tail import Tail, tail_for
from haloforge.verify.zygote import BoxFailed, Zygote

COMPILE_LIMITS = Limits(cpu_s=10, wall_s=60, memory_mb=4096, file_mb=128, open_files=256)
_WARNING = re.compile(r"^(?:\S+:\d+:\d+: )?warning(?:\[\w+\])?:", re.MULTILINE)


class Workshop(NamedTuple):
    """Where compilers and their programs run: the process that starts them, and the folder it may write in."""

    launcher: Zygote
    folder: Path


def verify_compiled(
    workshop: Workshop,
    language: Language,
    problem: Problem,
    code: str,
    limits: Limits,
    agree: Agree,
    settings: VerifySettings,
) -> Outcome:
    """Compile and, where there are tests or it is asked for, run. Raises BoxFailed when a process of ours is gone."""
    launcher, tests = workshop.launcher, problem.tests
    only_check = not language.can_run or (tests.kind == "none" and not settings.run)
    tail = tail_for(language.family, tests.code[0]) if tests.kind == "program" else None
    with tempfile.TemporaryDirectory(dir=workshop.folder, ignore_cleanup_errors=True) as folder:
        program = f"{code}\n{tail.code}" if tail else code
        if language.family == "rust":
            program = without_unused_crates(program)
        Path(folder, language.source).write_text(program, encoding="utf-8", errors="replace")
        built = _compile(launcher, language, folder, harness=bool(tail and tail.harness), only_check=only_check)
        error = _compile_error(built)
        if error or only_check:
            judged = Outcome(
                "compile_error" if error else "passed", error, level="compiled", slept=built.end.by_wall_clock
            )
        else:

            def start(stdin: bytes) -> Ran:
                request = {
                    "argv": [f"{folder}/solution"],
                    "environment": ENVIRONMENT,
                    "directory": folder,
                    "box": "run",
                }
                return run(launcher, request, limits, stdin)

            if tests.kind == "stdio":
                judged = run_cases(start, tests.cases, agree, limits, stop=settings.stop_at_first_failure)
            else:
                judged = _run_once(start(b""), tail, limits)
    return _with_compilation(judged, built)


def _compile(launcher: Zygote, language: Language, folder: str, *, harness: bool, only_check: bool) -> Ran:
    compiler = compiler_path(language)
    if compiler is None:
        raise BoxFailed(f"{language.compiler} has gone since the run began")
    if only_check and language.check:
        arguments = language.check
    else:
        arguments = (*(language.harness if harness else language.build), *linker_arguments(language))
    headers = arguments_for(language, Path(folder, language.source).read_text(encoding="utf-8"))
    environment = ENVIRONMENT | {"HOME": folder, "TMPDIR": folder} | dict(language.environment)
    if language.family == "rust":  # without /proc its loader cannot find out where it lies
        environment["LD_LIBRARY_PATH"] = str(Path(compiler).parent.parent / "lib")
        arguments = ("--sysroot", str(Path(compiler).parent.parent), *arguments)
    request = {
        "argv": [compiler, *headers, *arguments],
        "environment": environment,
        "directory": folder,
        "box": "compile",
    }
    return run(launcher, request, COMPILE_LIMITS)


def _compile_error(built: Ran) -> str:
    """Empty when it compiled."""
    if built.end.ran_out_of_cpu or built.end.by_wall_clock:
        return f"the compiler gave up after {COMPILE_LIMITS.cpu_s:g} s of CPU time"
    if built.end.code == 0:
        return ""
    lines = [line for line in _diagnostics(built).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return (errors or lines or [f"the compiler ended with {built.end.code or built.end.signal}"])[0]


def _run_once(ran: Ran, tail: Tail | None, limits: Limits) -> Outcome:
    """A program that carries its own tests, or has none and only has to run."""
    failure = failure_of(ran, limits)
    if failure is None and tail and not _is_finished(tail, text_of(ran.stdout)):
        failure = "exited_early", "the program ended before its tests did"
    if tail and failure and failure[0] == "runtime_error" and _is_failed_assertion(ran, tail):
        failure = "wrong_answer", _assertion_line(ran)
    status, detail = failure or ("passed", "")
    return Outcome(
        status,
        detail,
        tests=(("passed",) if status == "passed" else (f"failed: {detail}",)) if tail else (),
        diagnostics=text_of(ran.stderr),
        cpu_s=ran.end.cpu_s,
        memory_mb=ran.end.memory_mb,
        forgeable=tail is not None,
        level="tested" if tail else "ran",
        slept=ran.end.by_wall_clock,
    )


def _is_finished(tail: Tail, stdout: str) -> bool:
    if tail.harness:
        return any(line.startswith(tail.last_line) for line in stdout.splitlines())
    return stdout.rstrip("\n").rpartition("\n")[2] == tail.last_line


def _is_failed_assertion(ran: Ran, tail: Tail) -> bool:
    said = text_of(ran.stderr) + (text_of(ran.stdout) if tail.harness else "")
    return bool(re.search(r"Assertion .*failed|assertion .*failed|test result: FAILED|^--- FAIL", said, re.MULTILINE))


def _assertion_line(ran: Ran) -> str:
    lines = (text_of(ran.stderr) + "\n" + text_of(ran.stdout)).splitlines()
    return next((line.strip() for line in lines if "ssertion" in line), "a test failed")


def _diagnostics(built: Ran) -> str:
    """What the compiler said, without the name of a folder that differs in every run."""
    return re.sub(r"\S*/halo-forge-\w+/\w+/", "", text_of(built.stderr))


def _with_compilation(judged: Outcome, built: Ran) -> Outcome:
    said = _diagnostics(built)
    return dataclasses.replace(
        judged,
        has_warnings=bool(_WARNING.search(said)),
        diagnostics="\n".join(part for part in (said, judged.diagnostics) if part),
        memory_mb=judged.memory_mb or built.end.memory_mb,
        cpu_s=judged.cpu_s or built.end.cpu_s,
    )
