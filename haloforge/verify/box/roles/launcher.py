"""The role of starting compilers and compiled programs: its children become them."""

import contextlib
import dataclasses
import os
import signal
from typing import Any, NoReturn

from ..confinement import filters, landlock, limits, seccomp
from . import connect_streams


class Role:
    """See `roles.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        with contextlib.suppress(OSError):  # a compiler may use every core that we have, not only its worker's
            os.sched_setaffinity(0, config["cores"])
        self._filter_of_programs = seccomp.FilterForChildren(filters.binary()) if config["seccomp"] else None

    def handled_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never."""
        return False

    def run_child(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> NoReturn:
        """Confine this child as a compiler or as a compiled program, and become it."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        connect_streams(descriptors, 3)
        for descriptor in descriptors[3:]:
            os.close(descriptor)
        os.chdir(request["directory"])
        limits.apply(limits.Limits(**request["limits"]))
        compiling = request["box"] == "compile"
        if self._config["landlock"]:
            landlock.restrict(self._reach(request, compiling=compiling))
        if self._filter_of_programs and compiling:
            seccomp.install(filters.compiler())
        elif self._filter_of_programs:
            self._filter_of_programs.install()
        try:
            os.execve(request["argv"][0], request["argv"], request["environment"])
        except OSError as error:
            os.write(2, f"{request['argv'][0]}: {error.strerror}\n".encode())
        os._exit(127)

    def _reach(self, request: dict[str, Any], *, compiling: bool) -> landlock.Reach:
        """A compiler writes to its folder; a program is only executed from there, with what its language adds."""
        reach = landlock.Reach(**self._config["reach" if compiling else "reach_of_programs"])
        if compiling:
            return dataclasses.replace(reach, writable=(request["directory"],))
        executable = (*reach.executable, request["directory"], *request.get("executable", ()))
        return dataclasses.replace(
            reach, executable=executable, readable=(*reach.readable, *request.get("readable", ()))
        )
