"""What each status is worth."""

import pytest

from haloforge.records import STATUSES
from haloforge.verify import reward_of


@pytest.mark.parametrize("status", ["no_code", "violation", "exited_early", "compile_error", "unscored"])
def test_what_never_ran_earns_nothing(status):
    assert reward_of(status) == 0.0


@pytest.mark.parametrize("status", ["runtime_error", "timeout", "memory_limit", "output_limit"])
def test_what_compiled_and_failed_to_run_earns_for_compiling(status):
    assert reward_of(status) == 0.5
    assert reward_of(status, warnings=True) == 0.3


def test_a_wrong_answer_earns_for_running_and_more_only_by_its_share():
    assert reward_of("wrong_answer") == 0.7
    assert reward_of("wrong_answer", share=0.5) == pytest.approx(0.85)


def test_passing_earns_what_there_was_to_pass():
    assert reward_of("passed") == 1.0
    assert reward_of("passed", level="ran", warnings=True) == 0.7
    assert reward_of("passed", level="compiled") == 0.5
    assert reward_of("passed", level="compiled", warnings=True) == 0.3


def test_binary_rewards_only_a_pass():
    assert {status for status in STATUSES if reward_of(status, scheme="binary", share=0.9)} == {"passed"}
