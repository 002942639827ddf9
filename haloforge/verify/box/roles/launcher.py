"""The warm process of compilers and compiled programs: its children become them."""

import contextlib
import dataclasses
import os
import signal
from typing import Any, NoReturn

from ..confinement import landlock, limits, seccomp
from ..serve import connect_streams


class Role:
    """Of this process; see `serve.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        with contextlib.suppress(OSError):  # a compiler may use every core that we have, not only its worker's
            os.sched_setaffinity(0, config["cores"])
        self._of_binaries = seccomp.ForChildren(seccomp.binary()) if config["seccomp"] else None

    def done_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never."""
        return False

    def become(self, request: dict[str, Any], descriptors: list[int], settings: list[limits.Setting]) -> NoReturn:
        """Confine this child for what it becomes, and become it."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        connect_streams(descriptors, 3)
        for descriptor in descriptors[3:]:
            os.close(descriptor)
        os.chdir(request["directory"])
        limits.apply(limits.Limits(**request["limits"]))
        compiling = request["box"] == "compile"
        if self._config["landlock"]:
            reach = landlock.Reach(**self._config["reach" if compiling else "reach_of_programs"])
            own = (request["directory"],)
            more = {"writable": own} if compiling else {"executable": (*reach.executable, *own)}
            landlock.restrict(dataclasses.replace(reach, **more))
        if self._of_binaries and compiling:
            seccomp.install(seccomp.compiler())
        elif self._of_binaries:
            self._of_binaries.install()
        try:
            os.execve(request["argv"][0], request["argv"], request["environment"])
        except OSError as error:
            os.write(2, f"{request['argv'][0]}: {error.strerror}\n".encode())
        os._exit(127)
