"""A verifier of the user's own: a command that is given the solution's file and the problem, and says what it is worth.

The command runs in a sandbox: no network, nothing to write to but the folder that the solution lies in, which is its
working folder, and nothing to read but the system's own folders, our Python, the files that the command names, and what
the setting `readable` adds. It reads the problem as one JSON line on stdin. If the last line it prints is a JSON object
with a `status` of ours, that is the verdict (`detail`, `tests_passed` and `tests_total` are taken from it too); else
exit code 0 means passed and any other a wrong answer. A line that says `passed` counts only if the command then ends
with 0 by itself. Where the command runs the solution, that may write the line or choose the exit code; so its verdicts
are marked as forgeable unless the user vouches for it by the setting `unforgeable`.
"""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import language_of
from haloforge.records import STATUSES, Problem, Status, TestOutcome, dumps
from haloforge.verify.box.confinement import landlock
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.outcome import TESTS_KEPT, Outcome, violent_end
from haloforge.verify.sandbox.levels import ENVIRONMENT, UNSAFE
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.workspace import Places
from haloforge.verify.sandbox.zygote import BoxFailed, Zygote
from haloforge.verify.stdio import end_of, text_of

PLACEHOLDER = "{file}"
TOOL_MEMORY_MB = 3072
"""Address space for the command itself, beside the program's own memory."""
_TRIAL = Limits(cpu_s=10, wall_s=40, memory_mb=1024)
_SIGNALS_SCOPED = 6
"""Version of landlock from which a process cannot signal those outside."""


def command_level(level: str, *, allow_unsafe: bool) -> str:
    """The level that a command runs at where programs run at `level`.

    Raises VerifierError where it cannot be held and running it without a sandbox was not asked for.
    """
    holds = level in ("ns", UNSAFE) or (level == "landlock" and landlock.version() >= _SIGNALS_SCOPED)
    if holds:
        return level
    if allow_unsafe:
        return UNSAFE
    raise VerifierError(
        f"the command of verifier 'custom' cannot be sandboxed at isolation level {level}; install bubblewrap, or pass "
        "--allow-unsafe to run it, and whatever it runs, with resource limits only"
    )


def prepared(command: Sequence[str]) -> tuple[str, ...]:
    """The argument list with the program and every file it names by their whole paths, for it runs in another folder.

    Raises VerifierError when there is no command or no such program.
    """
    if not command:
        raise VerifierError("verifier 'custom' needs a command: the argument list to start, with {file} in it")
    program = shutil.which(command[0])
    if program is None:
        raise VerifierError(f"verifier 'custom': there is no program {command[0]!r}")
    return (
        os.path.abspath(program),
        *(os.path.abspath(word) if os.path.exists(word) else word for word in command[1:]),
    )


def start_box(settings: VerifySettings, level: str, scratch: Path) -> Zygote:
    """The process that starts commands. Raises VerifierError for a command or a path that is not there."""
    named = [word for word in prepared(settings.command) if os.path.isfile(word)]
    for path in settings.readable:
        if not os.path.exists(path):
            raise VerifierError(f"verifier 'custom': {path} is to be readable, but does not exist")
    readable = (*named, *map(os.path.abspath, settings.readable))
    return Zygote("command", level, Places(scratch), readable=(*readable, *map(os.path.realpath, readable)))


def check_command(settings: VerifySettings, level: str, problem: Problem) -> None:
    """Raises VerifierError when the command does not start in its sandbox, so that no sample is judged by that.

    It is tried on an empty solution. Shells and wrappers say by 126 or 127 that they did not find what to start.
    """
    with tempfile.TemporaryDirectory(prefix="halo-forge-") as name:
        scratch = Path(name)
        try:
            box = start_box(settings, level, scratch)
            try:
                ran = _run(box, scratch, settings, problem, "", _TRIAL)
            finally:
                box.close()
        except BoxFailed as error:
            raise VerifierError(f"verifier 'custom': its sandbox cannot be started ({error})") from error
    if ran.report or ran.end.code in (126, 127):
        said = text_of(ran.report or ran.stderr or ran.stdout).strip().partition("\n")[0]
        raise VerifierError(
            f"verifier 'custom': {settings.command[0]} does not start in its sandbox ({said or 'it says nothing'}); "
            "give its real path if it is a wrapper, and name what else it reads in verifier.readable"
        )


def run_custom(
    box: Zygote, scratch: Path, settings: VerifySettings, problem: Problem, code: str, limits: Limits
) -> Outcome:
    """One run. Raises BoxFailed when the command cannot be started."""
    ran = _run(box, scratch, settings, problem, code, limits)
    if ran.report:
        raise BoxFailed(text_of(ran.report))
    return _outcome(ran, limits, forgeable=not settings.unforgeable)


def _run(box: Zygote, scratch: Path, settings: VerifySettings, problem: Problem, code: str, limits: Limits) -> Ran:
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        path = Path(folder, "solution" + language_of(problem.language).suffix)
        path.write_text(code, encoding="utf-8", errors="replace")
        request = {
            "argv": [word.replace(PLACEHOLDER, str(path)) for word in prepared(settings.command)],
            "environment": ENVIRONMENT | {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            "directory": folder,
        }
        allowed = Limits(limits.cpu_s, limits.wall_s, limits.memory_mb + TOOL_MEMORY_MB, file_mb=128, open_files=256)
        return run(box, request, allowed, (dumps(problem.to_json()) + "\n").encode())


def _outcome(ran: Ran, limits: Limits, *, forgeable: bool) -> Outcome:
    said, complained = end_of(ran.stdout), text_of(ran.stderr)
    status, detail = _killed(ran, limits) or ("passed", "")
    tests: tuple[TestOutcome, ...] = ()
    verdict = _verdict_line(said) if status == "passed" else None
    if verdict and (verdict["status"] != "passed" or ran.end.code == 0):
        told = verdict.get("detail", "")
        status, detail = verdict["status"], told if isinstance(told, str) else dumps(told)
        passed, total = _count(verdict, "tests_passed"), _count(verdict, "tests_total")
        tests = (TestOutcome("passed"),) * passed + (TestOutcome("failed"),) * (total - passed)
    elif status == "passed" and ran.end.code:
        status, detail = "wrong_answer", f"the command ended with {ran.end.code}"
    return Outcome(
        status,
        detail,
        tests=tests,
        diagnostics=complained or ("" if verdict else said),
        cpu_s=ran.end.cpu_s,
        memory_mb=ran.end.memory_mb,
        forgeable=forgeable,
        slept=ran.end.by_wall_clock,
    )


def _killed(ran: Ran, limits: Limits) -> tuple[Status, str] | None:
    """What it means that the command did not end by itself; None when it did."""
    if ran.flooded:
        return "output_limit", f"the command wrote more than {len(ran.stdout) >> 20} MiB"
    if ran.end.by_wall_clock:
        return "timeout", f"the command did not end within {limits.wall_s:g} s"
    if ran.end.signal == signal.SIGKILL and ran.end.cpu_s < limits.cpu_s:
        return "runtime_error", "the command was ended, as it became too many processes or wrote too much"
    violent = violent_end(ran.end, limits.cpu_s)
    return (violent[0], f"the command {violent[1]}") if violent else None


def _count(verdict: dict[str, Any], key: str) -> int:
    """What the line says, if it can be believed to be a number of tests."""
    said = verdict.get(key)
    return said if type(said) is int and 0 <= said <= TESTS_KEPT else 0


def _verdict_line(said: str) -> dict[str, Any] | None:
    last = said.rstrip().rpartition("\n")[2]
    try:
        row = json.loads(last)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and row.get("status") in STATUSES else None
