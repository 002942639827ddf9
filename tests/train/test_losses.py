"""RAFT's objectives: their values and gradients on tensors, and inside the trainer."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from haloforge.config import Loss
from haloforge.train.losses import CLIP_HIGH, CLIP_LOW, advantages, objective

log_probs = st.lists(st.floats(-8, -0.01), min_size=1, max_size=6)
shifts = st.floats(-2, 2)
shares = st.floats(0.1, 3)


def gradient(loss: Loss, new: list[float], old: list[float], weight: float) -> Tensor:
    """The gradient of the objective's sum with respect to the new log-probabilities of one sequence."""
    free = torch.tensor([new], dtype=torch.float64, requires_grad=True)
    fixed = torch.tensor([old], dtype=torch.float64)
    objective(loss, free, fixed, torch.tensor([[weight]], dtype=torch.float64)).per_token.sum().backward()  # type: ignore[no-untyped-call]
    assert free.grad is not None
    return free.grad[0]


@given(log_probs, shares)
def test_at_ratio_one_the_gradient_is_rafts(values: list[float], weight: float) -> None:
    expected = gradient("raft", values, values, weight)
    assert torch.allclose(gradient("raft++", values, values, weight), expected, atol=1e-12)
    assert torch.allclose(gradient("reinforce_rej", values, values, -weight), -expected, atol=1e-12)


@given(log_probs, st.floats(0.001, 2), shares)
def test_a_liked_token_above_the_upper_clip_has_no_gradient(values: list[float], beyond: float, weight: float) -> None:
    old = [value - math.log(1 + CLIP_HIGH) - beyond for value in values]
    assert not gradient("raft++", values, old, weight).any()


@given(log_probs, st.floats(0.001, 2), shares)
def test_a_disliked_token_below_the_lower_clip_has_no_gradient(
    values: list[float], beyond: float, weight: float
) -> None:
    old = [value - math.log(1 - CLIP_LOW) + beyond for value in values]
    assert not gradient("reinforce_rej", values, old, -weight).any()


@given(log_probs, shifts, shares)
def test_a_token_that_moved_the_wrong_way_is_never_clipped(values: list[float], shift: float, weight: float) -> None:
    """A liked token that became less likely, or a disliked one that became likelier, must still be pulled back."""
    fell = [value + abs(shift) for value in values]
    rose = [value - abs(shift) for value in values]
    assert (gradient("raft++", values, fell, weight) > 0).all()
    assert (gradient("reinforce_rej", values, rose, -weight) < 0).all()


@given(log_probs, shifts, shares | shares.map(lambda share: -share))
def test_what_is_called_clipped_is_what_has_no_gradient(values: list[float], shift: float, weight: float) -> None:
    old = [value - shift for value in values]
    new = torch.tensor([values], dtype=torch.float64)
    aim = objective(
        "raft++", new, torch.tensor([old], dtype=torch.float64), torch.tensor([[weight]], dtype=torch.float64)
    )
    slope = gradient("raft++", values, old, weight)
    assert not slope[aim.is_clipped[0]].any()
    assert slope[~aim.is_clipped[0]].all()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=12))
def test_advantages_of_a_problem_add_up_to_nothing(pairs: list[tuple[str, float]]) -> None:
    found = advantages([task for task, _ in pairs], [reward for _, reward in pairs])
    for task in "abc":
        assert sum(a for a, (t, _) in zip(found, pairs, strict=True) if t == task) == pytest.approx(0, abs=1e-9)


@given(st.floats(0, 1), st.integers(1, 9))
def test_equal_rewards_teach_exactly_nothing(reward: float, count: int) -> None:
    found = advantages(["a"] * count, [reward] * count)
    assert found == [0.0] * count
    old = [-1.0] * 3
    for advantage in found:
        assert not gradient("reinforce_rej", [-0.5, -1.0, -2.0], old, advantage).any()
