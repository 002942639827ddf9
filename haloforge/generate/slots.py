"""Continuous batching for plain full-attention decoders: a fixed set of cache slots that never waits for the slowest.

Each prompt is run once and its keys and values are copied into the slots of its samples. A slot whose completion is
finished takes the next one at once. When none is waiting, the last slot moves into the free one, so the cost of a step
is that of the completions that still run. Keys and values lie in one preallocated tensor per layer, left-aligned:
row r of a step attends to positions 0..length[r]. Under grouped-query attention they are never expanded: transformers
counts the query heads of a group as the queries of one key head, where a step has a single token per row.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from haloforge.errors import MachineError
from haloforge.generate.budget import SLOTS_PER_PROMPT_AHEAD, slots_within, token_bytes
from haloforge.generate.decoding import Decoder, Prompt, Row
from haloforge.generate.prefill import Arrivals, Prefilled

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FULL_ATTENTION = frozenset({"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "starcoder2"})
"""Architectures of which every layer attends to all positions and keeps plain keys and values."""


def fits(model: "PreTrainedModel") -> bool:
    """Whether the model can run in slots; others go through `model.generate`."""
    settings = model.config.to_dict()
    is_sliding = bool(settings.get("sliding_window")) and settings.get("use_sliding_window", True)
    is_full = all(kind == "full_attention" for kind in settings.get("layer_types") or ())
    return settings["model_type"] in FULL_ATTENTION and is_full and not is_sliding


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer, shape (slots, heads, width, head size), written in place."""

    def __init__(self, slots: "Slots") -> None:
        super().__init__()
        self.slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate from the shape of a first batch; zeros, because what is masked must not be NaN."""
        count, width = self.slots.count, self.slots.width
        self.keys = _zeros(key_states, (count, key_states.shape[1], width, key_states.shape[3]))
        self.values = _zeros(value_states, (count, value_states.shape[1], width, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one new position per active row and return all that the rows may attend to."""
        assert self.keys is not None and self.values is not None
        rows, lengths, reach = self.slots.step
        self.keys[rows, :, lengths] = key_states[:, :, 0]
        self.values[rows, :, lengths] = value_states[:, :, 0]
        return self.keys[: len(rows), :, :reach], self.values[: len(rows), :, :reach]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Unused: the mask is given."""
        return self.slots.step[2], 0

    def get_seq_length(self) -> int:
        """Unused: positions are given."""
        return self.slots.step[2]

    def get_max_length(self) -> int:
        """Positions that a slot can hold."""
        return self.slots.width


class Slots:
    """The cache of a run: `count` slots of `width` positions, and which rows take part in the current step."""

    def __init__(self, layers: int, count: int, width: int, device: torch.device) -> None:
        self.count, self.width = count, width
        self.step: tuple[torch.Tensor, torch.Tensor, int] = (torch.empty(0), torch.empty(0), 0)
        self.rows = torch.arange(count, device=device)
        self.layers = [SlotLayer(self) for _ in range(layers)]
        self.cache = Cache(layers=self.layers)

    def begin(self, lengths: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Prepare a step of the first rows, `lengths` long; returns positions (rows, 1) and an additive mask."""
        where = torch.tensor(lengths, device=self.rows.device)
        reach = max(lengths) + 1
        self.step = (self.rows[: len(lengths)], where, reach)
        hidden = torch.arange(reach, device=where.device) > where[:, None]
        dtype = self.layers[0].keys.dtype
        mask = torch.zeros(hidden.shape, dtype=dtype, device=where.device).masked_fill_(hidden, torch.finfo(dtype).min)
        return where[:, None], mask[:, None, None]

    def place(self, prompt: Prefilled, slots: Sequence[int]) -> None:
        """Copy the keys and values of a prompt into slots."""
        where = torch.tensor(slots, device=self.rows.device)
        for layer, (keys, values) in zip(self.layers, prompt.layers, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(keys[None], values[None])
            layer.keys[where, :, : keys.shape[1]] = keys
            layer.values[where, :, : keys.shape[1]] = values

    def refit(self, active: Sequence[Row], width: int, count: int) -> None:
        """Make them `count` slots of `width` positions; layer by layer, so that only one is in memory twice."""
        reach = max((row.length for row in active), default=0)
        self.count, self.width = count, width
        self.rows = torch.arange(count, device=self.rows.device)
        for layer in self.layers:
            before = layer.keys, layer.values
            layer.lazy_initialization(*before)
            layer.keys[: len(active), :, :reach] = before[0][: len(active), :, :reach]
            layer.values[: len(active), :, :reach] = before[1][: len(active), :, :reach]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of one slot into another."""
        for layer in self.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]


def run_slots(
    model: "PreTrainedModel", prompts: Sequence[Prompt], decoder: Decoder, most: int, cache_bytes: int
) -> Iterator[list[Row]]:
    """Complete the prompts, in their order, in as many slots as `cache_bytes` hold, at most `most`; after every step
    yields the rows that it finished (often none).

    Greedy results equal those of `model.generate`. How many slots there are changes nothing but floating-point noise.
    """
    if not prompts:
        return
    width, most = max(prompt.width for prompt in prompts), min(most, sum(len(prompt.indexes) for prompt in prompts))
    count = min(most, affordable(model, width, cache_bytes))
    slots = Slots(model.config.num_hidden_layers, count, width, model.device)
    arrivals = Arrivals(model, prompts, max(1, count // SLOTS_PER_PROMPT_AHEAD))
    active: list[Row] = []
    while not decoder.should_stop():
        width = max([arrivals.width, *(row.width for row in active)])
        if 2 * width <= slots.width and slots.count < most:  # the widest are done: the others share their memory
            slots.refit(active, width, min(most, affordable(model, width, cache_bytes)))
        finished = _fill(slots, active, arrivals, decoder)
        if active:
            _step(model, slots, active, decoder)
            finished += _remove_finished(slots, active)
        elif not finished:
            return
        yield finished


def affordable(model: "PreTrainedModel", width: int, cache_bytes: int) -> int:
    """How many slots of `width` tokens `cache_bytes` hold, with the prompts that are run ahead; at least one."""
    return slots_within(cache_bytes, width * token_bytes(model))


def _fill(slots: Slots, active: list[Row], arrivals: Arrivals, decoder: Decoder) -> list[Row]:
    """Put waiting completions into the free slots, each with its first token; returns those that it finished."""
    finished: list[Row] = []
    while len(active) < slots.count and (arrival := arrivals.take(slots.count - len(active))):
        group, prompt = arrival
        slots.place(prompt, range(len(active), len(active) + len(group)))
        decoder.advance(group, prompt.logits.expand(len(group), -1))
        active += group
        finished += _remove_finished(slots, active)
    return finished


def _step(model: "PreTrainedModel", slots: Slots, active: Sequence[Row], decoder: Decoder) -> None:
    """One more token for every active row."""
    positions, mask = slots.begin([row.length - 1 for row in active])
    out = model(
        input_ids=torch.tensor([row.tokens[-1:] for row in active], device=model.device),
        attention_mask=mask,
        position_ids=positions,
        past_key_values=slots.cache,
        use_cache=True,
        logits_to_keep=1,
    )
    decoder.advance(active, out.logits[:, -1])


def _remove_finished(slots: Slots, active: list[Row]) -> list[Row]:
    """Take the finished rows out of `active`; the last row moves into the freed slot, without its newest token."""
    finished: list[Row] = []
    for slot in reversed(range(len(active))):
        if active[slot].finish_reason is not None:
            finished.append(active[slot])
            last = active.pop()
            if slot < len(active):
                slots.move(len(active), slot, last.length - 1)
                active[slot] = last
    return finished


def _zeros(like: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Zeros of the same kind; on a CPU the system gives the memory when it is written to, so unused width costs none.

    Raises MachineError when there is not enough.
    """
    size = like.dtype.itemsize * int(np.prod(shape))
    try:
        if like.device.type != "cpu":
            return like.new_zeros(shape)
        return torch.from_numpy(np.zeros(size, dtype=np.uint8)).view(like.dtype).view(shape)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MachineError(
            f"there is no room for the keys and values of {shape[0]} completions at once; give "
            "generation.cache_memory fewer GiB, or fewer max_new_tokens"
        ) from error
