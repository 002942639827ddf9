"""The warm process of a user's own command, which may start anything, and run the sample too.

All that comes of it stays in one process group, which is ended as a whole. A watcher, which it cannot reach, ends it
when it becomes too many processes or writes too much: there are no limits of the kernel's for a family of processes,
but for groups that only root may make.
"""

import contextlib
import ctypes
import os
import signal
import time
from typing import Any, NoReturn

from ..confinement import landlock, limits, seccomp
from ..serve import connect_streams

MOST_PROCESSES = 512
"""By which the whole machine's may grow while a command runs."""
MOST_FILES = 20_000
MOST_BYTES = 512 << 20
_PERIOD_S = 0.05
_PROCS_AT = 80
"""Where struct sysinfo has the number of processes, on 64-bit machines: a u16."""
_library = ctypes.CDLL(None)


class Role:
    """Of this process; see `serve.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    def done_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never."""
        return False

    def become(self, request: dict[str, Any], descriptors: list[int], settings: list[limits.Setting]) -> NoReturn:
        """Confine this child, set the watcher on it, and become the command; say on the report why that failed."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        watcher = _watcher(request["directory"], descriptors)
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
                seccomp.install(seccomp.command((watcher, os.getppid())))
            os.execve(request["argv"][0], request["argv"], request["environment"])
        except OSError as error:
            os.write(report, f"{request['argv'][0]} cannot be started: {error.strerror or error}".encode())
        os._exit(127)


def _watcher(folder: str, descriptors: list[int]) -> int:
    """Start it, not as a child of the command, which may wait for all of those. Returns its process id."""
    told, tell = os.pipe()
    between = os.fork()
    if between == 0:
        watcher = os.fork()
        if watcher == 0:
            for descriptor in (*descriptors, told, tell):
                os.close(descriptor)
            _watch(folder)
        os.write(tell, watcher.to_bytes(4, "little"))
        os._exit(0)
    os.waitpid(between, 0)
    pid = int.from_bytes(os.read(told, 4), "little")
    os.close(told)
    os.close(tell)
    return pid


def _watch(folder: str) -> NoReturn:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:  # which end or stop the others, too
        signal.signal(number, signal.SIG_IGN)
    before = _processes()
    while _processes() - before <= MOST_PROCESSES:
        files, size = _contents(folder)
        if files > MOST_FILES or size > MOST_BYTES:
            break
        time.sleep(_PERIOD_S)
    os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _processes() -> int:
    """All threads of the machine, whatever namespace they are in."""
    buffer = ctypes.create_string_buffer(256)
    _library.sysinfo(buffer)
    return int.from_bytes(buffer.raw[_PROCS_AT : _PROCS_AT + 2], "little")


def _contents(folder: str) -> tuple[int, int]:
    """Files below a folder, and the bytes they take; no more is counted than is allowed."""
    files, size, folders = 0, 0, [folder]
    while folders and files <= MOST_FILES:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
    return files, size
