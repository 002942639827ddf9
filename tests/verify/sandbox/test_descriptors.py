"""No descriptor of ours stays open, whatever dies."""

import contextlib
import os
import signal
import time

import pytest
from processes import sandboxes

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.sandbox.zygote import BoxFailed
from haloforge.verify.worker import Worker

LIMITS = Limits(cpu_s=2, wall_s=10, memory_mb=512)
TESTS = {
    "split": Tests("asserts", code=("assert f() == 1",)),
    "joined": Tests(
        "pytest", code=("from unittest import mock\nimport solution\ndef test(): assert solution.f() == 1",)
    ),
    "a program": Tests("stdio", cases=(Case("", "1\n"),)),
}
CODE = "def f(): return 1\nprint(1)"


def is_open(descriptor):
    """Whether it is one of a pipe or a socket."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(("pipe:", "socket:"))
    except FileNotFoundError:
        return False


def descriptors():
    return sum(map(is_open, os.listdir("/proc/self/fd")))


def kill(processes):
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):  # it went with another
            os.kill(int(pid), signal.SIGKILL)
    while processes & sandboxes():
        time.sleep(0.01)


@pytest.mark.parametrize("kind", TESTS)
def test_a_warm_process_that_died_costs_none(kind):
    worker = Worker(VerifySettings(), isolation().name)
    problem, before = Problem("d", "", tests=TESTS[kind], entry_point="f" if kind == "split" else None), descriptors()
    others = sandboxes()
    try:
        for _ in range(2):
            assert worker.judge(problem, CODE, LIMITS).status == "passed"
            kill(sandboxes() - others)
            with pytest.raises(BoxFailed):
                worker.judge(problem, CODE, LIMITS)
            worker.restart()
            assert descriptors() == before
    finally:
        worker.close()
