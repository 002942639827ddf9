"""Linear layers on a CPU with their weights in oneDNN's own layout, as `torch.compile` would pack them.

torch multiplies a few dozen rows by a plain weight matrix at half of what the CPU can do, because the matrix is
rearranged in every product. Rearranged once, it takes as much memory again and gives the same numbers up to rounding.
"""

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
import torch

_ROWS = 64
"""The number of rows that the layout is best for; no number of rows from 1 to 200 was slower than without it."""


def pack_linears(model: torch.nn.Module) -> Callable[[], None]:
    """Pack every fp32 linear layer of a CPU model; returns a function that undoes it. Other models stay as they are.

    Weights that change afterwards are not seen until the undo.
    """
    layers = [m for m in model.modules() if type(m) is torch.nn.Linear and _is_packable(m.weight)]
    needed = sum(layer.weight.nbytes for layer in layers)
    if not _is_supported() or needed > psutil.virtual_memory().available // 3:
        return lambda: None
    for layer in layers:
        packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)
        layer.forward = partial(_product, packed, layer.bias)

    def undo() -> None:
        for layer in layers:
            del layer.forward  # the class's own shows again
        layers.clear()

    return undo


def _product(packed: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    product: Any = torch.ops.mkldnn._linear_pointwise
    return product(rows, packed, bias, "none", [], "")


def _is_packable(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype is torch.float32


def _is_supported() -> bool:
    return torch.backends.mkldnn.is_available() and platform.machine().lower() in ("x86_64", "amd64")
