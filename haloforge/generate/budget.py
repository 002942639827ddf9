"""How much memory keys and values may take: a share of what the machine has, never of what happens to be free.

So the same machine gives the same number of slots, whatever else runs on it at the moment, and whatever an earlier
phase has left in PyTorch's cache.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

SLOTS = {"cpu": 64, "cuda": 256}
"""Rows at a time, by kind of device: a CPU nears its peak speed at 64, a GPU later; more only need more memory."""
SLOTS_PER_PROMPT_AHEAD = 8
"""One prompt is run ahead of its turn for so many slots: its keys and values need less memory than a slot."""
GPU_SHARE = 0.5
CPU_SHARE = 0.25
"""Shares of the memory that the model's weights leave; on a CPU the verifier and the records live there too."""

_SMALLEST = 2**28
"""Bytes. Keys and values get this much even beside weights that leave nothing."""


def cache_bytes(model: "PreTrainedModel", gib: float | None) -> int:
    """Bytes for keys and values of a loaded model, see `budget_bytes`."""
    weights = sum(parameter.nbytes for parameter in model.parameters())
    if model.device.type != "cuda":
        return budget_bytes(memory_limit(), weights, CPU_SHARE, gib)
    import torch

    return budget_bytes(torch.cuda.get_device_properties(model.device).total_memory, weights, GPU_SHARE, gib)


def budget_bytes(total: int, weights: int, share: float, gib: float | None) -> int:
    """`gib` GiB, by default `share` of what the weights leave of `total` bytes of memory."""
    return max(_SMALLEST, int(share * (total - weights))) if gib is None else int(gib * 2**30)


def slots_within(budget: int, slot_bytes: int) -> int:
    """How many slots of so many bytes the budget holds, with the prompts that are run ahead; at least one."""
    return max(1, int(budget / (slot_bytes * (1 + 1 / SLOTS_PER_PROMPT_AHEAD))))


def token_bytes(model: "PreTrainedModel") -> int:
    """Bytes of the keys and values of one token."""
    return token_numbers(model.config) * int(model.dtype.itemsize)


def token_numbers(config: "PretrainedConfig") -> int:
    """How many numbers the keys and values of one token are."""
    settings = config.to_dict()
    size = settings.get("head_dim") or config.hidden_size // config.num_attention_heads
    heads = settings.get("num_key_value_heads") or config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size)


def memory_limit(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that this process may use: the machine's, or less where its control group grants less."""
    total = psutil.virtual_memory().total
    for file in (group / "memory.max", group / "memory" / "memory.limit_in_bytes"):
        try:
            return min(total, int(file.read_text()))
        except (OSError, ValueError):  # not this version, or "max"
            continue
    return total
