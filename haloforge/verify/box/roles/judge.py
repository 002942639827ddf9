"""The role of judging: holds the compiled tests, and makes the verdicts."""

import contextlib
import os
import random
import signal
import sys
from typing import Any, NoReturn

from ..confinement import limits
from ..protocol.wire import Closed
from ..testing import judge
from ..testing.files import ReadAgain
from ..testing.suite import Suite
from . import solution


def rehearse() -> None:
    """Not needed: most verdicts are made in this very process, which warms up by itself."""


class Role(solution.Role):
    """See `roles.Role`. Checkers and tests run in a child confined like a solution's: neither is trusted."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        limits.bound_own_memory(limits.JUDGE_MEMORY_MB)
        self._suites: dict[str, Suite | str] = {}
        """By key; text says why the tests of that problem do not compile."""

    def handled_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Judge in this process when the tests are harmless: that saves a fork, which costs more than most tests do."""
        self._compile_suite(request)
        suite = self._suites.get(request.get("suite_key", ""))
        if not isinstance(suite, Suite) or not suite.harmless:
            return False
        random.seed(0)
        signal.setitimer(signal.ITIMER_PROF, request["limits"]["cpu_s"])  # CPU time; it ends this very process
        try:
            with contextlib.suppress(Closed):  # when the engine has hung up already
                judge.judge(suite, *descriptors, stop=request["stop"])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return True

    def run_child(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> NoReturn:
        """Confine this child and run tests, or a checker, in it."""
        mode = request.get("mode", "judge")
        if mode not in ("judge", "joined"):
            super().run_child(request, descriptors, rlimits)
        channels = self.confined(request, descriptors, rlimits)
        if mode == "joined":  # compiled here, as the process that all joined samples fork from must know no tests
            judge.judge_joined(_compiled(request["suite"]), request["code"], channels[0], stop=request["stop"])
        else:
            suite = self._suites[request["suite_key"]]
            files = ReadAgain(seeks=isinstance(suite, Suite) and suite.reading.seeks)
            sys.addaudithook(files)
            judge.judge(suite, channels[0], channels[1], stop=request["stop"], files=files)
        os._exit(0)

    def _compile_suite(self, request: dict[str, Any]) -> None:
        """Compile a problem's tests once, here, for all the samples of it that follow."""
        if "suite" not in request:
            return
        while len(self._suites) >= limits.SUITES_KEPT:
            del self._suites[next(iter(self._suites))]
        self._suites[request["suite_key"]] = _compiled(request["suite"])


def _compiled(source: dict[str, Any]) -> Suite | str:
    try:
        return Suite(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
