"""A batch learned from in parts: the same gradient, in the memory of a part.

What autograd keeps for the backward pass is the largest thing in a training on a CPU: 3.4 MB for every token of the
135M-parameter model, 4 GB for a batch of eight samples.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TOKENS_AT_A_TIME = 256
"""A CPU multiplies this many rows as fast as it ever does, so smaller parts cost no time, and less of it is padding."""


def micro_batches(batch: "Mapping[str, torch.Tensor]") -> "list[dict[str, torch.Tensor]]":
    """The rows of a right-padded batch, the longest first, in parts of at most TOKENS_AT_A_TIME tokens with padding.

    A part is as wide as its longest row, and a row that is longer than that is a part of its own.
    """
    lengths = batch["attention_mask"].sum(1)
    parts: list[list[int]] = []
    for row in lengths.argsort(descending=True, stable=True).tolist():
        if parts and (len(parts[-1]) + 1) * int(lengths[parts[-1][0]]) <= TOKENS_AT_A_TIME:
            parts[-1].append(row)
        else:
            parts.append([row])
    return [{name: value[rows, : int(lengths[rows[0]])] for name, value in batch.items()} for rows in parts]
