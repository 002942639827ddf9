"""A command that ends with the process that wants it: `python -m haloforge.guard PROCESS COMMAND...`.

A program of others does not notice that its run was killed, and would go on holding memory, of a GPU too. When this
process itself is killed, Linux tells the command.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from haloforge.children import end_group

_S_BETWEEN_LOOKS = 0.2
_S_TO_END = 10.0
"""How long the command may take to end after it was told to."""
_OURS = ("PYTHONPATH", "PYTHONSAFEPATH")
"""What says where this package's own processes find their modules."""
_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def main(process: int, command: list[str]) -> int:
    """Runs the command until it ends, `process` is gone or SIGTERM comes; then ends it and all that it started."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True, preexec_fn=_hears_of_our_death()
    )
    while os.getppid() == process and not told and child.poll() is None:
        time.sleep(_S_BETWEEN_LOOKS)
    end_group(child, _S_TO_END)
    return child.returncode


def _hears_of_our_death() -> Callable[[], None] | None:
    """What the command does before it becomes itself; None where there is no such thing."""
    if sys.platform != "linux":
        return None
    library, guard = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # or it would be noted here, and forgotten with this program
        library.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != guard:  # which was killed just before
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
