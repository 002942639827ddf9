"""Verification cannot be forged."""

import cheats
import pytest

from haloforge.verify import VerifySettings, open_verifier


@pytest.fixture(scope="module")
def one_worker():
    with open_verifier(VerifySettings(workers=1, time_limit_s=1.0)) as opened:
        yield opened


@pytest.mark.parametrize("name", cheats.CHEATS)
def test_no_cheat_passes_and_the_next_honest_solution_does(one_worker, name):
    suite, code = cheats.CHEATS[name]
    verdict = one_worker.verify(cheats.problem(suite), code)
    assert not verdict.passed and verdict.status != "unscored"
    assert one_worker.verify(cheats.problem(cheats.EXACT), cheats.HONEST).passed


@pytest.mark.parametrize("suite", [cheats.EXACT, cheats.CLOSE, cheats.PAIRS, cheats.MEMBERS])
def test_the_suites_accept_an_honest_solution(one_worker, suite):
    verdict = one_worker.verify(cheats.problem(suite), cheats.HONEST)
    assert verdict.passed and not verdict.forgeable


def test_there_are_at_least_forty_cheats():
    assert len(cheats.CHEATS) >= 40
