"""How fast the local engine is: its own steps and passes, on random weights."""

import random
from functools import partial

import torch
from transformers import PretrainedConfig, PreTrainedModel

from haloforge.estimates.probe import Clock, Lap, Measured, fastest, probe_of, timed
from haloforge.estimates.rates import SamplingRates
from haloforge.generate import never
from haloforge.generate.budget import SLOTS
from haloforge.generate.decoding import Decoder, Ending, Prompt, Row, pick
from haloforge.generate.packing import pack_for_good
from haloforge.generate.prefill import prefilled
from haloforge.generate.slots import fits, run_slots
from haloforge.models import without_weights

_NEAR, _FAR = 32, 512
"""Tokens of the prompt of short rows, and of long ones."""
_STEPS = 2
_MOST_LAYERS = 7
"""A step of few layers costs little, and much of it is the head's and the sampler's."""
_PASSES = {"cpu": (64, 512), "cuda": (256, 4096)}
"""Tokens of a pass over prompts."""
_PEAKED = 1e-3
"""Random weights give flat logits, of which the sampler looks at far more than of a trained model's; at this
temperature they are as peaked."""


def measure_sampling(config: PretrainedConfig, device: torch.device) -> Measured[SamplingRates] | None:
    """None for a model that does not run in slots. Takes some seconds."""
    if not fits(without_weights(config)):
        return None
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    probe = probe_of(config, device, dtype, _MOST_LAYERS)
    most = SLOTS[device.type]
    for model in (probe.shallow, probe.deep):
        pack_for_good(model)
    with torch.inference_mode():
        passes = [(size, probe.extrapolated(partial(_pass, size, device))) for size in _PASSES[device.type]]
        counts = sorted({1, most // 4, most})
        steps = [(rows, probe.extrapolated(partial(_step, rows, _NEAR, device))) for rows in counts]
        far = probe.extrapolated(partial(_step, most, _FAR, device))

    def rates(of: Clock) -> SamplingRates:
        return SamplingRates(
            passes=tuple((size, of(lap)) for size, lap in passes),
            steps=tuple((rows, of(lap)) for rows, lap in steps),
            reach=_NEAR,
            per_position=max(0.0, of(far) - of(steps[-1][1])) / (most * (_FAR - _NEAR)),
        )

    return Measured(rates(lambda lap: lap.wall), rates(lambda lap: lap.seconds))


def _pass(tokens: int, device: torch.device, model: PreTrainedModel) -> Lap:
    """Over prompts of so many tokens in all."""
    length = 64
    prompts = [Prompt(_tokens(length, row), 1, [0], _new_row) for row in range(tokens // length)]
    return timed(device, lambda: list(prefilled(model, prompts, len(prompts))))


def _step(rows: int, length: int, device: torch.device, model: PreTrainedModel) -> Lap:
    """One more token for so many rows."""
    choose = partial(pick, temperature=_PEAKED, top_p=0.95, top_k=0)
    decoder = Decoder(choose, Ending(frozenset(), lambda ids: ""), never)
    prompt = Prompt(_tokens(length, 0), _STEPS + 2, range(rows), _new_row)
    running = run_slots(model, [prompt], decoder, rows, 2**62)
    next(running)  # the prompt and a first step, in which the cache is made
    laps = [timed(device, partial(next, running)) for _ in range(_STEPS)]
    return fastest(laps)


def _new_row(prompt: Prompt, index: int) -> Row:
    return Row(index, prompt.ids, prompt.limit, random.Random(index))


def _tokens(count: int, seed: int) -> list[int]:
    """Of prompts that have no common beginning."""
    return [(seed * 31 + place * 7) % 255 + 1 for place in range(count)]
