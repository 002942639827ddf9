"""How much memory keys and values may take: a share of what the machine has, never of what happens to be free.

So the same machine gives the same number of slots, whatever else runs on it at the moment, and whatever an earlier
phase has left in PyTorch's cache.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

GPU_SHARE = 0.5
CPU_SHARE = 0.25
"""Shares of the memory that the model's weights leave; on a CPU the verifier and the records live there too."""

_SMALLEST = 2**28
"""Bytes. Keys and values get this much even beside weights that leave nothing."""


def cache_bytes(model: "PreTrainedModel", gib: float | None) -> int:
    """Bytes for keys and values: `gib` GiB, by default a fixed share of what the weights leave of the memory."""
    if gib is not None:
        return int(gib * 2**30)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    if model.device.type == "cuda":
        total = torch.cuda.get_device_properties(model.device).total_memory
        return max(_SMALLEST, int(GPU_SHARE * (total - weights)))
    return max(_SMALLEST, int(CPU_SHARE * (memory_limit() - weights)))


def token_bytes(model: "PreTrainedModel") -> int:
    """Bytes of the keys and values of one token."""
    settings = model.config.to_dict()
    size = settings.get("head_dim") or settings["hidden_size"] // settings["num_attention_heads"]
    return int(2 * settings["num_hidden_layers"] * settings["num_key_value_heads"] * size * model.dtype.itemsize)


def memory_limit(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that this process may use: the machine's, or less where its control group grants less."""
    total = psutil.virtual_memory().total
    for file in (group / "memory.max", group / "memory" / "memory.limit_in_bytes"):
        try:
            return min(total, int(file.read_text()))
        except (OSError, ValueError):  # not this version, or "max"
            continue
    return total
