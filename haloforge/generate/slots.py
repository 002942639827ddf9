"""Continuous batching for plain full-attention decoders: a fixed set of cache slots that never waits for the slowest.

Each prompt is run once and its keys and values are copied into the slots of its samples. A slot whose completion is
finished takes the next one at once. When none is waiting, the last slot moves into the free one, so the cost of a step
is that of the completions that still run. Keys and values lie in one preallocated tensor per layer, left-aligned:
row r of a step attends to positions 0..length[r].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache

from haloforge.generate.decoding import Decoder, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FULL_ATTENTION = frozenset({"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "starcoder2"})
"""Architectures of which every layer attends to all positions and keeps plain keys and values."""

_MEMORY_SHARE = 0.5
"""Share of the free memory that keys and values may take."""

_SHORTEST_SHARED_PREFIX = 8
"""Tokens; a shorter common beginning of all prompts is not run separately."""


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
        self.keys = key_states.new_zeros(count, key_states.shape[1], width, key_states.shape[3])
        self.values = value_states.new_zeros(count, value_states.shape[1], width, value_states.shape[3])
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

    def place(self, prompt: "Prefilled", slots: Sequence[int]) -> None:
        """Copy the keys and values of a prompt into slots."""
        where = torch.tensor(slots, device=self.rows.device)
        for layer, (keys, values) in zip(self.layers, prompt.layers, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(keys[None], values[None])
            layer.keys[where, :, : keys.shape[1]] = keys
            layer.values[where, :, : keys.shape[1]] = values

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of one slot into another."""
        for layer in self.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A prompt after its one forward pass: keys and values (heads, length, size) per layer, logits of what follows."""

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    logits: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)


class Prefill:
    """Runs each prompt once, when its first sample is due. The common beginning of all prompts is run once for all."""

    def __init__(self, model: "PreTrainedModel", prompts: Sequence[Sequence[int]]) -> None:
        self.model = model
        self.prefix = _common_prefix(prompts)
        self.start = self._forward(self.prefix, None)[0] if self.prefix else None
        self.newest: tuple[Sequence[int], Prefilled] | None = None

    def __call__(self, prompt: Sequence[int]) -> Prefilled:
        """Keys, values and next-token logits of one prompt; the newest prompt is kept for its remaining samples."""
        if self.newest is None or self.newest[0] is not prompt:
            layers, logits = self._forward(prompt[len(self.prefix) :], self.start)
            self.newest = (prompt, Prefilled([(keys[0], values[0]) for keys, values in layers], logits))
        return self.newest[1]

    def _forward(
        self, ids: Sequence[int], past: list[tuple[torch.Tensor, torch.Tensor]] | None
    ) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
        cache = DynamicCache(past, config=self.model.config) if past else DynamicCache(config=self.model.config)
        tokens = torch.tensor([list(ids)], device=self.model.device)
        out = self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return [(layer.keys, layer.values) for layer in cache.layers], out.logits[0, -1]


def run_slots(model: "PreTrainedModel", rows: Sequence[Row], decoder: Decoder, count: int) -> Iterator[list[Row]]:
    """Complete the rows in at most `count` slots; after every step yields those that it finished (often none).

    Rows of one prompt must be neighbours. Greedy results equal those of `model.generate`.
    """
    if not rows:
        return
    waiting, active = list(reversed(rows)), list[Row]()
    width = max(len(row.prompt) + row.limit for row in rows)
    prefill = Prefill(model, [row.prompt for row in rows])
    slot_bytes = prefill(waiting[-1].prompt).nbytes * width // len(waiting[-1].prompt)
    count = min(count, len(rows), _affordable(slot_bytes, model.device))
    slots = Slots(model.config.num_hidden_layers, count, width, model.device)
    while (waiting or active) and not decoder.should_stop():
        finished: list[Row] = []
        while waiting and len(active) < slots.count:
            prompt = waiting[-1].prompt
            group = _take_same_prompt(waiting, prompt, slots.count - len(active))
            prefilled = prefill(prompt)
            slots.place(prefilled, range(len(active), len(active) + len(group)))
            decoder.advance(group, prefilled.logits.expand(len(group), -1))
            active += group
            finished += _remove_finished(slots, active)
        if active:
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
            finished += _remove_finished(slots, active)
        yield finished


def _affordable(slot_bytes: int, device: torch.device) -> int:
    """How many slots fit into the memory that is free."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return max(1, int(free * _MEMORY_SHARE) // slot_bytes)


def _take_same_prompt(waiting: list[Row], prompt: Sequence[int], most: int) -> list[Row]:
    """Take up to `most` rows of one prompt from the end of `waiting`."""
    group: list[Row] = []
    while waiting and len(group) < most and waiting[-1].prompt is prompt:
        group.append(waiting.pop())
    return group


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


def _common_prefix(prompts: Sequence[Sequence[int]]) -> list[int]:
    """The common beginning of all prompts, without the last token of the shortest; empty when too short to help."""
    in_order = sorted(map(list, prompts))
    first, last = in_order[0], in_order[-1]
    most = min(map(len, prompts)) - 1
    same = next((i for i in range(most) if first[i] != last[i]), max(most, 0))
    return first[:same] if same >= _SHORTEST_SHARED_PREFIX else []
