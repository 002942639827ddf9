"""An alarm says what may help, with the settings of the run in it."""

import re

import pytest

from haloforge.config import RaftConfig
from haloforge.settings import settings
from haloforge.stages.raft.advice import advice

CONFIG = RaftConfig.parse({"prompts": "x.jsonl"})
HARD = {"mixed_share": 0.1, "train_pass_rate": 0.05}


@pytest.mark.parametrize(
    ("temperature", "says"), [(0.7, "from 0.7 to 0.9"), (1.9, "from 1.9 to 2"), (2, "learning_rate")]
)
def test_samples_that_vary_less_are_drawn_hotter_as_long_as_that_goes(temperature: float, says: str) -> None:
    assert says in advice("entropy", CONFIG.changed({"generation.temperature": temperature}), {})


def test_too_hard_problems_get_more_samples_and_too_easy_ones_are_replaced() -> None:
    assert "raft.samples_per_prompt from 8 to 16" in advice("no_signal", CONFIG, HARD)
    assert "harder problems" in advice("no_signal", CONFIG, HARD | {"train_pass_rate": 0.9})
    assert advice("no_signal", CONFIG, {}) == ""


def test_brevity_is_first_sought_in_the_choice_of_short_samples() -> None:
    shortest = CONFIG.changed({"raft.tie_break": "shortest"})
    assert "raft.tie_break diverse" in advice("length", shortest, {})
    assert "training.learning_rate 2.5e-05" in advice("length", CONFIG, {})


ALARMS = ("reward_without_gain", "no_signal", "timeouts", "duplicates", "length", "entropy", "near_empty", "brevity")


@pytest.mark.parametrize("alarm", ALARMS)
def test_advice_names_no_setting_that_there_is_not(alarm: str) -> None:
    words = {word.strip(",:;()`") for word in advice(alarm, CONFIG, HARD).split()}
    named = {word for word in words if re.fullmatch(r"[a-z]+\.[a-z_0-9]+", word)}
    assert named <= {s.path for s in settings(RaftConfig)}
