"""Whole programs, in any language: feed each case, compare what they write."""

import ast
import functools
import itertools
import json
import re
import time
from collections.abc import Callable, Sequence

from haloforge.python_source import parse
from haloforge.records import Case, Status, TestOutcome, Tests
from haloforge.verify.box.confinement.limits import WALL_PER_CPU, Limits
from haloforge.verify.comparison import comparison
from haloforge.verify.outcome import Outcome, may_be_of_machine, violent_end
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.zygote import Zygote

Start = Callable[[bytes, float], Ran]
"""Runs the program once on this input, for so many seconds of wall time."""


_END_BYTES = 64 << 10
FREE_WALL_S = 0.5
"""Of the wall time of each run, what is not counted: on a busy machine starting a program takes as long."""
_REASON_LIMIT = 400
"""Characters of a program's last words that stand for a test's outcome."""
_OUT_OF_MEMORY = re.compile(
    r"std::bad_alloc|^MemoryError|^memory allocation of \d+ bytes failed|^fatal error: .*out of memory"
    r"|JavaScript heap out of memory|^# Fatal process OOM|^RangeError: Array buffer allocation failed"
    r"|^(?:Exception in thread \"[^\"\n]{0,99}\" )?java\.lang\.OutOfMemoryError",
    re.MULTILINE,
)
_THROWN = re.compile(r"[\w$.]*(?:Error|Exception)\b")
"""How a line begins by which Node says what was thrown."""
Agree = Callable[[Case, str], bool]
"""Whether what was written answers the case. Raises CheckerTimedOut."""


class CheckerTimedOut(Exception):
    """The problem's own checker did not come to an end on what a program wrote."""


def agreement(tests: Tests, judge: Callable[[], Zygote], limits: Limits) -> Agree:
    """How this problem's outputs are compared: by rule, or by its own checker, which runs where no solution does."""
    if tests.compare == "checker":
        return lambda case, written: _checked(judge(), tests.checker, case, written, limits)
    rule = comparison(tests.compare)
    return lambda case, written: rule(case.output, written)


def _checked(judge: Zygote, checker: str, case: Case, written: str, limits: Limits) -> bool:
    """Ask a checker, in either of its two forms; see `records.Tests`."""
    files = {"input.txt": case.input, "expected.txt": case.output, "output.txt": written}
    is_function = _defines_check(checker)
    code = checker + _CALL_CHECK if is_function else checker
    ran = run(judge, {"mode": "program", "code": code, "files": files}, limits)
    if ran.end.by_wall_clock or ran.end.ran_out_of_cpu:
        raise CheckerTimedOut
    said = end_of(ran.stdout).split(maxsplit=1)
    return ran.end.code == 0 and (is_function or said[:1] in (["1"], ["1.0"], ["True"], ["OK"], ["ok"], ["AC"]))


_CALL_CHECK = """

raise SystemExit(not check(*(open(name).read() for name in ("input.txt", "output.txt", "expected.txt"))))
"""


@functools.lru_cache
def _defines_check(checker: str) -> bool:
    tree = parse(checker)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)] if tree else []
    return any(node.name == "check" and len(node.args.args) == 3 for node in functions)


def run_cases(start: Start, cases: Sequence[Case], agree: Agree, limits: Limits, *, stop: bool) -> Outcome:
    """One run per case. The first failure names the verdict; every run has the whole CPU limit.

    Of wall time there is one limit for all runs together, which grows only with the CPU time that they use and a
    little with each run. It names the verdict when it ends one: a program that sleeps in each run is not merely wrong.
    """
    outcomes: list[TestOutcome] = []
    first: tuple[Status, str] | None = None
    warnings: list[str] = []
    cpu_s = memory_mb = used_s = 0.0
    slept = False
    diagnostics = ""
    for number, case in enumerate(cases, 1):
        began = time.monotonic()
        left_s = limits.wall_s + WALL_PER_CPU * cpu_s - used_s + FREE_WALL_S
        ran = start(case.input.encode(), max(FREE_WALL_S, min(limits.wall_s, left_s)))
        failure, warnings = compile_report(ran)
        failure = failure or failure_of(ran, limits) or _difference(case, ran, agree)
        cpu_s, memory_mb, slept = (
            cpu_s + ran.end.cpu_s,
            max(memory_mb, ran.end.memory_mb),
            slept or (may_be_of_machine(ran.end, limits.cpu_s) and not ran.flooded),
        )
        used_s += max(0.0, time.monotonic() - began - FREE_WALL_S)
        if failure and (first is None or failure[0] == "timeout"):
            first = failure[0], f"test {number}: {failure[1]}" if failure[0] != "compile_error" else failure[1]
            diagnostics = text_of(ran.stderr)
        outcomes.append(TestOutcome("failed", failure[1]) if failure else TestOutcome("passed"))
        if failure and (stop or failure[0] in ("compile_error", "timeout")):
            break  # each further timeout would cost its whole limit again
    outcomes += [TestOutcome("not run")] * (len(cases) - len(outcomes))
    status, detail = first or ("passed", "")
    return Outcome(
        status,
        detail,
        tests=tuple(outcomes),
        has_warnings=bool(warnings),
        diagnostics="\n".join(warnings) or diagnostics,
        cpu_s=cpu_s,
        memory_mb=memory_mb,
        slept=slept,
    )


def compile_report(ran: Ran) -> tuple[tuple[Status, str] | None, list[str]]:
    """What the box reported about compiling, before the code could say anything; compiled programs report nothing."""
    warnings: list[str] = []
    view = ran.report
    while len(view) > 4:
        length = int.from_bytes(view[:4], "little")
        message = json.loads(view[4 : 4 + length])
        view = view[4 + length :]
        if "syntax" in message:
            return ("compile_error", message["syntax"]), warnings
        warnings += message.get("warnings", [])
    return None, warnings


def failure_of(ran: Ran, limits: Limits) -> tuple[Status, str] | None:
    """How a run went wrong by itself, before its output is looked at; None when it did not."""
    if ran.flooded:
        return "output_limit", f"wrote more than {len(ran.stdout) >> 20} MiB"
    ended_badly = bool(ran.end.code or ran.end.signal)
    if ended_badly and _OUT_OF_MEMORY.search(text_of(ran.stderr)):
        return "memory_limit", f"needed more than {limits.memory_mb} MiB"
    violent = violent_end(ran.end, limits.cpu_s)
    if violent:
        return violent
    if ran.end.code:
        return "runtime_error", _reason(text_of(ran.stderr))[:_REASON_LIMIT] or f"exit code {ran.end.code}"
    return None


def _reason(stderr: str) -> str:
    """The line that says why: in Go, Rust, Java and Node the panic's or exception's message, elsewhere the last."""
    lines = stderr.strip().splitlines()
    panics = [line for line in lines if line.startswith(("panic: ", "fatal error: ", "Exception in thread "))]
    messages = [after for line, after in itertools.pairwise(lines) if " panicked at " in line]
    if lines and lines[-1].startswith("Node.js v"):
        lines = [line for line in lines[:-1] if line and not line.startswith(" ")]
        messages = [line for line in lines if _THROWN.match(line)]
    return (panics or messages or lines[-1:] or [""])[0]


def _difference(case: Case, ran: Ran, agree: Agree) -> tuple[Status, str] | None:
    written = text_of(ran.stdout)
    try:
        if agree(case, written):
            return None
    except CheckerTimedOut:
        return "timeout", "its checker ran out of time on what it wrote"
    return "wrong_answer", f"expected {_short(case.output)}, got {_short(written)}"


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")


def text_of(data: bytes) -> str:
    """Bytes of a program as text for people."""
    return data.decode(errors="replace")


def end_of(data: bytes) -> str:
    """The last 64 KiB as text: where a program says how it ended, however much it wrote before."""
    return text_of(data[-_END_BYTES:])
