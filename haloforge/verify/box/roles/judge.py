"""The warm process of tests: holds them compiled, and makes the verdicts."""

import contextlib
import os
import random
from typing import Any, NoReturn

from ..confinement import limits
from ..protocol.wire import Closed
from ..testing import judge
from ..testing.suite import Suite
from . import solution as solving


def rehearse() -> None:
    """Not needed: most verdicts are made in this very process, which warms up by itself."""


class Role(solving.Role):
    """Of this process; see `serve.Role`. A checker runs in a child as a solution does, for this side trusts neither."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        limits.bound_own_memory(limits.JUDGE_MEMORY_MB)
        self._suites: dict[str, Suite | str] = {}

    def done_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Judge in this process when the tests are harmless: that saves a fork, which costs more than most tests do."""
        self._compile_suite(request)
        suite = self._suites.get(request.get("suite_key", ""))
        if not isinstance(suite, Suite) or not suite.harmless or "code" in request or request["forked"]:
            return False
        random.seed(0)
        with contextlib.suppress(Closed):  # when the engine has hung up already
            judge.judge(suite, *descriptors, stop=request["stop"])
        return True

    def become(self, request: dict[str, Any], descriptors: list[int], settings: list[limits.Setting]) -> NoReturn:
        """Confine this child and run tests, or a checker, in it."""
        if "mode" in request:
            super().become(request, descriptors, settings)
        rest = self.confined(request, descriptors, settings)
        suite = self._suites[request["suite_key"]]
        if "code" in request:
            judge.judge_joined(suite, request["code"], rest[0], stop=request["stop"])
        else:
            judge.judge(suite, rest[0], rest[1], stop=request["stop"])
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
