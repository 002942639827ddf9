"""Rows of like length meet in a batch: every row once, the same order for the same seed and epoch, little padding."""

import random

import pytest

from haloforge.train.row_order import LikeLengths


def lengths(count: int) -> list[int]:
    rng = random.Random(0)
    return [int(rng.lognormvariate(5, 0.7)) + 1 for _ in range(count)]


def batches(order: list[int], size: int) -> list[list[int]]:
    return [order[at : at + size] for at in range(0, len(order), size)]


def padding(order: list[int], rows: list[int], size: int) -> float:
    """Share of the tokens of padded batches that is padding."""
    padded = sum(len(batch) * max(rows[place] for place in batch) for batch in batches(order, size))
    return 1 - sum(rows) / padded


@pytest.mark.parametrize(("count", "size"), [(1, 4), (3, 4), (8, 4), (1001, 4), (500, 1), (600, 2)])
def test_every_row_is_read_once_an_epoch(count: int, size: int) -> None:
    assert sorted(LikeLengths(lengths(count), size, seed=1)) == list(range(count))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    rows = lengths(300)
    first, second = LikeLengths(rows, 4, seed=1), LikeLengths(rows, 4, seed=1)
    list(second)
    assert list(first) == list(second), "reading moves nothing on"
    second.set_epoch(1)
    other_epoch = list(second)
    assert list(first) != other_epoch != list(LikeLengths(rows, 4, seed=2))
    first.set_epoch(1)
    assert list(first) == other_epoch


def test_little_of_a_batch_is_padding_and_long_rows_come_at_any_time() -> None:
    rows = lengths(2000)
    order = list(LikeLengths(rows, 4, seed=1))
    shuffled = random.Random(1).sample(range(2000), 2000)
    assert padding(order, rows, 4) < 0.05 < 0.3 < padding(shuffled, rows, 4)
    halves = [sum(rows[place] for place in half) for half in (order[:1000], order[1000:])]
    assert halves[0] == pytest.approx(halves[1], rel=0.1), "batches are not sorted"


def test_the_longest_row_is_in_the_first_batch() -> None:
    rows = lengths(400)
    assert max(rows) in [rows[place] for place in list(LikeLengths(rows, 4, seed=3))[:4]]
