"""A sample that the clock ended is tried once more, with twice the time, where the machine may have starved it."""

import os

import pytest

from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, open_verifier, worker

SHORTEST_WALL_S = 1.5
PROBLEM = Problem("w", "", tests=Tests("asserts", code=("assert f() == 1",), time_limit_s=0.25))
WANTS_TO_RUN = "import time\ndef f():\n    while time.process_time() < 0.1: pass\n    time.sleep(99)"
SLEEPS = "import time\ndef f(): time.sleep(99)"


@pytest.fixture
def walls(monkeypatch):
    """The wall times that samples were judged under, one for each time that one was judged."""
    given = []
    judge = worker.Worker.judge

    def noting(self, problem, code, limits, *, joined=False):
        given.append(limits.wall_s)
        return judge(self, problem, code, limits, joined=joined)

    monkeypatch.setattr(worker.Worker, "judge", noting)
    monkeypatch.setattr(worker, "MIN_WALL_S", SHORTEST_WALL_S)
    return given


@pytest.mark.parametrize(
    ("code", "waiting", "tries"),
    [(WANTS_TO_RUN, 99.0, [1.5, 3.0]), (WANTS_TO_RUN, 0.0, [1.5]), (SLEEPS, 99.0, [1.5])],
    ids=["a busy machine", "an idle machine", "it only slept"],
)
def test_only_what_wanted_to_run_on_a_busy_machine_is_tried_again(monkeypatch, walls, code, waiting, tries):
    monkeypatch.setattr(os, "getloadavg", lambda: (waiting, waiting, waiting))
    with open_verifier(VerifySettings(workers=1)) as verifier:
        verdict = verifier.verify(PROBLEM, code)
    assert (verdict.status, walls) == ("timeout", tries)
