"""What a device can compute at most, and what a token costs in training and in sampling, in operations."""

import time
from typing import Any

import torch


def matmul_flops(device: torch.device, dtype: torch.dtype, size: int, *, per_cpu_second: bool = False) -> float:
    """Operations per second (per CPU second of this process) of the best of some products of square matrices."""
    clock = time.process_time if per_cpu_second else time.perf_counter
    left, right = (torch.rand(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(8):
        synchronise(device)
        started = clock()
        left @ right
        synchronise(device)
        best = min(best, clock() - started)
    return 2 * size**3 / best


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def training_flops_per_token(model: Any, rank: int, learned_share: float) -> float:
    """Of a step that trains adapters of `rank` on every linear layer, per token read.

    4 x the adapted weights (two operations forward, two for the gradient that goes on to the layer below; frozen
    weights need none of their own), 6 x the adapter's, and 4 x the output head's for the share of tokens that is
    learned. Attention scores, norms, the optimizer and recomputed activations are not counted.
    """
    head, layers = _head_and_layers(model)
    adapted = sum(layer.weight.numel() for layer in layers)
    adapter = sum(rank * (layer.in_features + layer.out_features) for layer in layers)
    return float(4 * adapted + 6 * adapter + learned_share * 4 * head.weight.numel())


def sampling_flops_per_token(model: Any) -> float:
    """Of one new token: 2 x the weights of the linear layers and of the output head; attention is not counted."""
    head, layers = _head_and_layers(model)
    return 2.0 * sum(int(layer.weight.numel()) for layer in [*layers, head])


def _head_and_layers(model: Any) -> tuple[torch.nn.Linear, list[torch.nn.Linear]]:
    head = model.get_output_embeddings()
    return head, [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part is not head]
