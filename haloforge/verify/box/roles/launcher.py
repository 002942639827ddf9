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
        program = filters.binary(changing=config["own_file_system"]) if config["seccomp"] else None
        self._filter_of_programs = seccomp.FilterForChildren(program) if program else None

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
        compiling = request["box"] == "compile"
        environment, place = request["environment"], self._config["workspace"]
        if place and not compiling:
            environment |= {"TMPDIR": place["path"], "HOME": place["path"]}
        os.chdir(place["path"] if place and not compiling else request["directory"])
        limits.apply(limits.Limits(**request["limits"]))
        if self._config["landlock"]:
            landlock.restrict(self._reach(request, compiling=compiling))
        if self._filter_of_programs and compiling:
            seccomp.install(filters.compiler())
        elif self._filter_of_programs:
            self._filter_of_programs.install()
        try:
            os.execve(request["argv"][0], request["argv"], environment)
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
