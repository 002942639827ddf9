"""The role of judging: holds the compiled tests, and makes the verdicts."""

import contextlib
import os
import random
import signal
from typing import Any, NoReturn

from ..confinement import limits
from ..protocol.wire import Closed
from ..testing import judge
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
        if not isinstance(suite, Suite) or not suite.harmless or "code" in request or request["forked"]:
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
        if "mode" in request:
            super().run_child(request, descriptors, rlimits)
        channels = self.confined(request, descriptors, rlimits)
        suite = self._suites[request["suite_key"]]
        if "code" in request:
            judge.judge_joined(suite, request["code"], channels[0], stop=request["stop"])
        else:
            judge.judge(suite, channels[0], channels[1], stop=request["stop"])
        os._exit(0)

    def _compile_suite(self, request: dict[str, Any]) -> None:
        """Compile a problem's tests once, here, for all the samples of it that follow."""
        if "suite" not in request:
            return
        while len(self._suites) >= limits.SUITES_KEPT:
            del self._suites[next(iter(self._suites))]
        try:
            self._suites[request["suite_key"]] = Suite(request["suite"])
        except (SyntaxError, ValueError, RecursionError) as error:
            self._suites[request["suite_key"]] = f"{type(error).__name__}: {error}"
