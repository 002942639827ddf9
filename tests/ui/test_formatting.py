"""Numbers, times and names as people read them."""

import pytest

from haloforge.ui.formatting import count, duration, interval, label, number, percent, points


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (12345, "12\u202f345"), (3.0, "3"), (0.000123456, "0.0001235"), (True, "True"), ("none", "none")],
)
def test_numbers_are_short_and_whole_ones_stay_whole(value: object, text: str) -> None:
    assert number(value) == text


def test_shares_their_differences_and_intervals_are_percent() -> None:
    assert (percent(0.384), points(0.073), interval(0.25, 0.412)) == ("38.4 %", "+7.3 points", "25.0 to 41.2 %")


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (12.4, "12 s"), (200, "3 min"), (7800, "2 h 10 min")])
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_one_thing_has_no_plural() -> None:
    assert (count(1, "sample"), count(12, "sample")) == ("1 sample", "12 samples")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("training.learning_rate", "Learning rate"),
        ("raft.num_cycles", "Number of cycles"),
        ("output_dir", "Output folder"),
        ("k", "k of pass@k"),
    ],
)
def test_settings_are_named_in_words(path: str, text: str) -> None:
    assert label(path) == text
