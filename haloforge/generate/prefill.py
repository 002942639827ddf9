"""Each prompt is run once, a few prompts in one pass, however many samples are wanted of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

import torch
from transformers.cache_utils import DynamicCache

from haloforge.generate.decoding import Prompt, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer."""

_MOST_TOKENS = {"cpu": 1024, "cuda": 4096}
"""Tokens of one pass, by kind of device: a CPU gains nothing from more, and a stop waits for the pass to end."""

_SHORTEST_SHARED_PREFIX = 8
"""Tokens; a shorter common beginning of all prompts is not run separately."""


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A prompt after its forward pass: keys and values (heads, length, size) per layer, logits of what follows."""

    layers: Layers
    logits: torch.Tensor


class Arrivals:
    """The completions that wait for a slot, prompt by prompt; the prompts are run when their turn comes near."""

    def __init__(self, model: "PreTrainedModel", prompts: Sequence[Prompt], at_once: int) -> None:
        self._waiting = prefilled(model, prompts, at_once)
        self._widest_left = list(accumulate((prompt.width for prompt in reversed(prompts)), max))
        self._width = 0
        self._rows: Iterator[Row] = iter(())
        self._prefilled: Prefilled | None = None

    def take(self, most: int) -> tuple[list[Row], Prefilled] | None:
        """Up to `most` completions of one prompt, and its keys and values; None when no more wait."""
        while not (group := list(islice(self._rows, most))):
            self._prefilled = None
            prompt, self._prefilled = next(self._waiting, (None, None))
            if prompt is None:
                break
            self._rows, self._width = prompt.rows(), prompt.width
            self._widest_left.pop()
        return (group, self._prefilled) if self._prefilled else None

    @property
    def width(self) -> int:
        """Tokens that the widest of the waiting completions may have, its prompt included."""
        return max([self._width, *self._widest_left[-1:]])


def prefilled(model: "PreTrainedModel", prompts: Sequence[Prompt], at_once: int) -> Iterator[tuple[Prompt, Prefilled]]:
    """Run the prompts in their order, up to `at_once` in one pass, and their common beginning once for all."""
    prefix = common_prefix([prompt.ids for prompt in prompts])
    start = [(keys[:1], values[:1]) for keys, values in _forward(model, [prefix], [])[0]] if prefix else []
    most_tokens = _MOST_TOKENS.get(model.device.type, _MOST_TOKENS["cuda"])
    for group in _groups(prompts, at_once, most_tokens):
        layers, logits = _forward(model, [prompt.ids[len(prefix) :] for prompt in group], start)
        for place, prompt in enumerate(group):
            length = len(prompt.ids)
            own = [(keys[place, :, :length], values[place, :, :length]) for keys, values in layers]
            yield prompt, Prefilled(own, logits[place])
        del layers, logits, own  # before the next pass: two groups of keys and values are not needed


def _forward(model: "PreTrainedModel", rows: Sequence[Sequence[int]], start: Layers) -> tuple[Layers, torch.Tensor]:
    """Keys and values (rows, heads, width, size), and the logits after each row's last token.

    Rows are padded on the right, where no token of theirs looks, so no mask is needed.
    """
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=model.device)
    shared = [(keys.expand(len(rows), -1, -1, -1), values.expand(len(rows), -1, -1, -1)) for keys, values in start]
    cache = DynamicCache(shared or None, config=model.config)
    ends, which = torch.tensor([len(row) - 1 for row in rows], device=model.device).unique(return_inverse=True)
    out = model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=ends)
    logits = out.logits[torch.arange(len(rows), device=which.device), which]
    return [(layer.keys, layer.values) for layer in cache.layers], logits


def _groups(prompts: Sequence[Prompt], at_once: int, most_tokens: int) -> Iterator[list[Prompt]]:
    """Neighbours of at most `most_tokens` tokens with their padding; a longer prompt is alone."""
    group: list[Prompt] = []
    for prompt in prompts:
        longest = max(len(other.ids) for other in (*group, prompt))
        if group and (len(group) == at_once or (len(group) + 1) * longest > most_tokens):
            yield group
            group = []
        group.append(prompt)
    if group:
        yield group


def common_prefix(prompts: Sequence[Sequence[int]]) -> Sequence[int]:
    """The common beginning of all prompts, without the last token of the shortest; empty when too short to help."""
    first, last = min(prompts, key=list), max(prompts, key=list)
    most = min(map(len, prompts)) - 1
    same = next((i for i in range(most) if first[i] != last[i]), max(most, 0))
    return first[:same] if same >= _SHORTEST_SHARED_PREFIX else ()
