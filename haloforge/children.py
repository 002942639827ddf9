"""How a module of this package is started as a process of its own, and how a group of processes is ended."""

import gc
import os
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM

_S_TO_CLEAN_UP = 5.0

PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""OpenMP threads that wait shall sleep, not spin: on a busy machine spinning costs most of the time."""


def python_module(name: str) -> list[str]:
    """The command that starts a module of this package. -P: a file in the user's folder cannot replace any module."""
    return [sys.executable, "-P", "-m", name]


def collect_rarely() -> None:
    """Let Python look for reference cycles less often, from now on: a sixth of the CPU of importing torch goes into it.

    For processes of our own, before they import much. Objects without cycles are freed at once, as before.
    """
    gc.set_threshold(50_000, 10, 10)


def own_environment() -> dict[str, str]:
    """This process's environment for a child process, which finds this package even where it was never installed.

    No Python process below it looks for modules in the folder that it works in: an empty entry of PYTHONPATH (from
    "$PYTHONPATH:/more", say) would mean that folder, and a relative one would mean another than it means here.
    """
    source, installed = str(Path(__file__).parents[1]), {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    named = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [*map(os.path.abspath, named), *([] if source in installed else [source])]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python_path = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return PATIENT_THREADS | inherited | {"PYTHONSAFEPATH": "1"} | python_path


def process_name(process: int) -> str:
    """What no other process has ever been: this boot of the machine, its namespace of numbers, number and start.

    Raises OSError where there is no such process.
    """
    status = Path(f"/proc/{process}/stat").read_text()
    return f"{_numbered_here()} {process} {status.rpartition(')')[2].split()[19]}"


def is_over(name: str) -> bool:
    """Whether the process of that name has ended. False where it cannot be seen: on another machine, for one."""
    if name.split()[:2] != _numbered_here().split():
        return False
    try:
        return process_name(int(name.split()[2])) != name
    except OSError:
        return True


def _numbered_here() -> str:
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"


def end_group(head: "subprocess.Popen[bytes]", patience_s: float) -> None:
    """End the head of a group, and all that it started: they are told to, and killed after so many seconds.

    What outlives the head may clean up for a few seconds more: shared memory, for one.
    """
    with suppress(ProcessLookupError):
        os.killpg(head.pid, SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        head.wait(patience_s)
    end = time.monotonic() + _S_TO_CLEAN_UP
    with suppress(ProcessLookupError):
        while head.poll() is not None and time.monotonic() < end:
            os.killpg(head.pid, 0)
            time.sleep(0.05)
        os.killpg(head.pid, SIGKILL)
    head.wait()
