"""Compiled languages: compile in a folder of its own, then run the binary on every case."""

import dataclasses
import re
import tempfile
from pathlib import Path

from haloforge.config import VerifySettings
from haloforge.languages import Language
from haloforge.records import Problem, TestOutcome
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled import golang
from haloforge.verify.compiled.build import BINARY, Built, Workshop, build
from haloforge.verify.compiled.rust import without_unused_crates
from haloforge.verify.compiled.tail import Tail, tail_for
from haloforge.verify.outcome import Outcome
from haloforge.verify.sandbox.levels import ENVIRONMENT
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.stdio import Agree, failure_of, run_cases, text_of

_ASSERTION = re.compile(r"Assertion .*failed|assertion .*failed", re.IGNORECASE)


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
    tests = problem.tests
    only_check = not language.can_run or (tests.kind == "none" and not settings.run_after_compile)
    tail = tail_for(language.family, tests.code[0]) if tests.kind == "program" else None
    with tempfile.TemporaryDirectory(dir=workshop.folder, ignore_cleanup_errors=True) as folder:
        sources = _sources(language, problem, code, tail)
        for name, text in sources.items():
            Path(folder, name).write_text(text, encoding="utf-8", errors="replace")
        built = build(workshop, language, folder, harness=bool(tail and tail.harness), only_check=only_check)
        if built.error or only_check:
            status = "compile_error" if built.error else "passed"
            judged = Outcome(status, built.error, level="compiled", slept=built.slept)  # type: ignore[arg-type]
        else:
            allowed = dataclasses.replace(limits, memory_mb=limits.memory_mb + language.reserved_mb)

            def start(stdin: bytes) -> Ran:
                request = {
                    "argv": [f"{folder}/{BINARY}"],
                    "environment": ENVIRONMENT,
                    "directory": folder,
                    "box": "run",
                }
                return run(workshop.launcher, request, allowed, stdin)

            if tests.kind == "stdio":
                judged = run_cases(start, tests.cases, agree, limits, stop=settings.stop_at_first_failure)
            else:
                judged = _run_once(start(b""), tail, limits)
    return _with_compilation(judged, built, warns=built.warns(_last_line(language, sources, code, tail)))


def _sources(language: Language, problem: Problem, code: str, tail: Tail | None) -> dict[str, str]:
    """Every source file by its name: the solution, its tests behind it, and what Go needs to run those."""
    added = tail.code if tail else ""
    if language.family == "go":
        program = golang.program_of(code, (problem.starter_code, problem.tests.setup), added)
        return {golang.SOURCE: program} | ({golang.MAIN: tail.main} if tail and tail.main else {})
    program = f"{code}\n{added}" if tail else code
    return {language.source: without_unused_crates(program) if language.family == "rust" else program}


def _last_line(language: Language, sources: dict[str, str], code: str, tail: Tail | None) -> int:
    """Of the solution, as the compiler counts."""
    if language.family == "go":  # is told the solution's own numbers
        return code.count("\n") + 1
    text = sources[language.source]
    return text.count("\n") + 1 - (tail.code.count("\n") + 1 if tail else 0)


def _run_once(ran: Ran, tail: Tail | None, limits: Limits) -> Outcome:
    """A program that carries its own tests, or has none and only has to run."""
    failure = failure_of(ran, limits)
    if failure is None and tail and not _is_finished(tail, text_of(ran.stdout)):
        failure = "exited_early", "the program ended before its tests did"
    if tail and failure and failure[0] == "runtime_error" and (line := _failed_assertion(ran, tail)):
        failure = "wrong_answer", line
    status, detail = failure or ("passed", "")
    return Outcome(
        status,
        detail,
        tests=(TestOutcome("passed") if status == "passed" else TestOutcome("failed", detail),) if tail else (),
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


def _failed_assertion(ran: Ran, tail: Tail) -> str:
    """The line that says which of the tests' own assertions failed; empty where something else went wrong."""
    if tail.main:  # Go: a failed test ends with 1 and is told on stdout, a panic with 2
        lines = text_of(ran.stdout).splitlines()
        complaints = [line.strip() for line in lines if re.match(r"\s+\S+\.go:\d+: ", line)]
        return (complaints or ["a test failed"])[0] if ran.end.code == 1 and "FAIL" in lines else ""
    said = text_of(ran.stderr) + ("\n" + text_of(ran.stdout) if tail.harness else "")
    return next((line.strip() for line in said.splitlines() if _ASSERTION.search(line)), "")


def _with_compilation(judged: Outcome, built: Built, *, warns: bool) -> Outcome:
    return dataclasses.replace(
        judged,
        has_warnings=warns,
        diagnostics="\n".join(part for part in (built.diagnostics, judged.diagnostics) if part),
        memory_mb=judged.memory_mb or built.memory_mb,
        cpu_s=judged.cpu_s or built.cpu_s,
    )
