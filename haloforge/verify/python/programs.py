"""Python scripts as programs: compiled, run, or judged by what they print."""

import dataclasses
from collections.abc import Sequence

from haloforge.records import Case, Problem
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.completeness import incomplete
from haloforge.verify.outcome import Outcome
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.zygote import Zygote
from haloforge.verify.stdio import Agree, compile_report, failure_of, run_cases, text_of


def run_python(
    solution: Zygote, code: str, cases: Sequence[Case], agree: Agree, limits: Limits, *, stop: bool
) -> Outcome:
    """A Python script judged by what it prints."""

    def start(stdin: bytes, wall_s: float) -> Ran:
        allowed = dataclasses.replace(limits, wall_s=wall_s)
        return run(solution, {"mode": "program", "code": code}, allowed, stdin)

    return run_cases(start, cases, agree, limits, stop=stop)


def compile_python(solution: Zygote, problem: Problem, code: str, limits: Limits, *, also_run: bool) -> Outcome:
    """No tests: a whole program that compiles passes, and one that also runs to its end where that is asked for."""
    ran = run(solution, {"mode": "program" if also_run else "compile", "code": code}, limits)
    failure, warnings = compile_report(ran)
    if failure is None and also_run:
        failure = failure_of(ran, limits)
    if failure is None and (reason := incomplete(problem, code)):
        failure = "no_code", reason
    status, detail = failure or ("passed", "")
    return Outcome(
        status,
        detail,
        has_warnings=bool(warnings),
        diagnostics="\n".join(warnings) or text_of(ran.stderr),
        cpu_s=ran.end.cpu_s,
        memory_mb=ran.end.memory_mb,
        level="ran" if also_run else "compiled",
        slept=ran.end.by_wall_clock,
    )
