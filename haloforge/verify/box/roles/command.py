"""The role of starting a user's own command, which may start other processes, and run the sample too.

All processes that come of it stay in one process group, which is ended as a whole. A watcher, which they cannot reach,
ends the group when it has too many processes or writes too much: the kernel has no limits for a family of processes,
except for groups that only root may make.
"""

import os
import signal
import time
from typing import Any, NoReturn

from ..confinement import filters, landlock, limits, seccomp
from ..crowd import processes
from ..workspace import contents
from . import connect_streams

MAX_NEW_PROCESSES = 512
"""By how many processes and threads the whole machine may grow while a command runs."""
MAX_FILES = 20_000
"""Files and folders in the command's folder."""
MAX_BYTES = 512 << 20
"""Space on the disk that those files take."""
_WATCH_PERIOD_S = 0.05


class Role:
    """See `roles.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    def handled_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never."""
        return False

    def run_child(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> NoReturn:
        """Confine this child, start its watcher, and become the command; write to the report why that failed."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        watcher = _start_watcher(request["directory"], descriptors)
        report = descriptors[3]
        os.set_inheritable(report, False)
        connect_streams(descriptors, 3)
        try:
            os.chdir(request["directory"])
            limits.apply(limits.Limits(**request["limits"]))
            if self._config["landlock"]:
                reach = landlock.Reach(**{**self._config["reach"], "writable": (request["directory"],)})
                landlock.restrict(reach)
            if self._config["seccomp"]:
                seccomp.install(filters.command((watcher, os.getppid())))
            os.execve(request["argv"][0], request["argv"], request["environment"])
        except OSError as error:
            os.write(report, f"{request['argv'][0]} cannot be started: {error.strerror or error}".encode())
        os._exit(127)


def _start_watcher(folder: str, descriptors: list[int]) -> int:
    """Start it, not as a child of the command, which may wait for all its children. Returns its process id."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        watcher = os.fork()
        if watcher == 0:
            for descriptor in (*descriptors, reading, writing):
                os.close(descriptor)
            _watch(folder)
        os.write(writing, watcher.to_bytes(4, "little"))
        os._exit(0)
    os.waitpid(between, 0)
    pid = int.from_bytes(os.read(reading, 4), "little")
    os.close(reading)
    os.close(writing)
    return pid


def _watch(folder: str) -> NoReturn:
    """End the process group, this process included, once a bound is passed."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:  # a signal to the group must not end it
        signal.signal(number, signal.SIG_IGN)
    before = processes()
    while processes() - before <= MAX_NEW_PROCESSES:
        files, size = contents(folder, MAX_FILES)
        if files > MAX_FILES or size > MAX_BYTES:
            break
        time.sleep(_WATCH_PERIOD_S)
    os.killpg(0, signal.SIGKILL)
    os._exit(0)
