"""The next token is drawn from the distribution that it should be drawn from."""

import math
import random

import pytest
import torch
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from haloforge.generate.decoding import pick


def wanted(logits: torch.Tensor, temperature: float, top_p: float, top_k: int) -> torch.Tensor:
    """The distribution that transformers samples from."""
    scores = TemperatureLogitsWarper(temperature)(None, logits[None])
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return scores[0].softmax(-1)


def draw(logits: torch.Tensor, count: int, seed: int, **settings: float) -> torch.Tensor:
    uniforms = torch.tensor([random.Random(f"{seed}/{i}").random() for i in range(count)])
    ids, _ = pick(logits.expand(count, -1), uniforms, **settings)  # type: ignore[arg-type]
    return torch.bincount(ids, minlength=len(logits))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize(("top_p", "top_k"), [(1.0, 0), (0.9, 0), (0.5, 0), (1.0, 5), (0.8, 7)])
@pytest.mark.parametrize("vocabulary", [12, 300])
def test_samples_follow_the_distribution_of_transformers(
    temperature: float, top_p: float, top_k: int, vocabulary: int
) -> None:
    logits = torch.randn(vocabulary, generator=torch.Generator().manual_seed(vocabulary)) * 2
    expected = wanted(logits, temperature, top_p, top_k) * 20_000
    counted = draw(logits, 20_000, seed=1, temperature=temperature, top_p=top_p, top_k=top_k)
    assert counted[expected == 0].sum() == 0
    common = expected >= 5
    rest, rest_expected = counted[~common].sum(), expected[~common].sum()
    terms = [(counted[common] - expected[common]) ** 2 / expected[common]]
    if rest_expected >= 5:
        terms.append(((rest - rest_expected) ** 2 / rest_expected)[None])
    degrees = sum(map(len, terms)) - 1
    statistic = float(torch.cat(terms).sum())
    assert statistic <= degrees + 4.5 * math.sqrt(2 * max(degrees, 1)) + 8  # far beyond p = 0.001 for a chi square


def test_a_nucleus_wider_than_the_first_look_is_exact_too() -> None:
    counted = draw(torch.zeros(3_000), 2_000, seed=2, temperature=1.0, top_p=0.5)
    assert 700 < int((counted > 0).sum()) <= 1_501  # half of the tokens, all equally likely, are in the nucleus


def test_rows_of_a_batch_are_drawn_independently() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    uniforms = torch.tensor([0.1, 0.5, 0.9])
    together, _ = pick(logits, uniforms, temperature=1.0, top_p=0.9)
    alone = [int(pick(logits[i : i + 1], uniforms[i : i + 1], temperature=1.0, top_p=0.9)[0]) for i in range(3)]
    assert together.tolist() == alone


@pytest.mark.parametrize("temperature", [0.0, 1e-45, 1e-38])
def test_temperature_zero_is_greedy_and_so_is_next_to_nothing(temperature: float) -> None:
    logits = torch.randn(20, 40, generator=torch.Generator().manual_seed(3))
    ids, _ = pick(logits, torch.rand(20), temperature=temperature, top_p=0.5)
    assert torch.equal(ids, logits.argmax(-1))


def test_logprobs_are_those_of_temperature_one() -> None:
    logits = torch.randn(20, 40, generator=torch.Generator().manual_seed(4))
    ids, logprobs = pick(logits, torch.rand(20), temperature=0.4, top_p=0.7, top_k=3)
    torch.testing.assert_close(logprobs, logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0])


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
@pytest.mark.parametrize(("top_p", "top_k"), [(1.0, 0), (0.9, 0), (1.0, 3)])
def test_the_ends_of_the_random_range_pick_possible_tokens(uniform: float, top_p: float, top_k: int) -> None:
    logits = torch.tensor([[5.0, 4.0, 3.0, -torch.inf, -torch.inf]])
    ids, logprobs = pick(logits, torch.tensor([uniform]), temperature=1.0, top_p=top_p, top_k=top_k)
    assert int(ids) in (0, 1, 2)
    assert bool(torch.isfinite(logprobs).all())
