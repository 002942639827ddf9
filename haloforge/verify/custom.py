"""A verifier of the user's own: a command that is given the solution's file and the problem, and says what it is worth.

The command runs as the user, outside our sandbox, and should bring its own. It reads the problem as one JSON line on
stdin. If the last line it prints is a JSON object with a `status` of ours, that is the verdict (`detail`,
`tests_passed` and `tests_total` are taken from it too); else exit code 0 means passed and any other a wrong answer.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haloforge.records import STATUSES, Problem, dumps
from haloforge.verify.box.limits import Limits
from haloforge.verify.languages import family_of
from haloforge.verify.outcome import Outcome
from haloforge.verify.zygote import BoxFailed

PLACEHOLDER = "{file}"
_SUFFIXES = {"python": ".py", "cpp": ".cpp", "c": ".c", "rust": ".rs", "go": ".go"}


def run_custom(command: Sequence[str], problem: Problem, code: str, limits: Limits) -> Outcome:
    """One run, ended as a group at the wall limit. Raises BoxFailed when the command cannot be started."""
    with tempfile.TemporaryDirectory(prefix="halo-forge-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "solution" + _SUFFIXES.get(family_of(problem.language), ".txt"))
        path.write_text(code, encoding="utf-8", errors="replace")
        argv = [part.replace(PLACEHOLDER, str(path)) for part in command]
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise BoxFailed(f"{argv[0]} cannot be started: {error.strerror}") from error
        try:
            said, complained = process.communicate((dumps(problem.to_json()) + "\n").encode(), timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            return Outcome("timeout", f"the command did not end within {limits.wall_s:g} s")
        finally:
            _end(process)
    return _outcome(process.returncode, said.decode(errors="replace"), complained.decode(errors="replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _outcome(code: int, said: str, complained: str) -> Outcome:
    verdict = _verdict_line(said)
    if verdict is None:
        status, detail = ("passed", "") if code == 0 else ("wrong_answer", f"the command ended with {code}")
        return Outcome(status, detail, diagnostics=complained or said)  # type: ignore[arg-type]
    passed, total = int(verdict.get("tests_passed", 0)), int(verdict.get("tests_total", 0))
    tests = ("passed",) * passed + ("failed",) * (total - passed)
    return Outcome(verdict["status"], str(verdict.get("detail", "")), tests=tests, diagnostics=complained)


def _verdict_line(said: str) -> dict[str, Any] | None:
    last = said.rstrip().rpartition("\n")[2]
    try:
        row = json.loads(last)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.get("status") in STATUSES else None
