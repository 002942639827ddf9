"""Linear layers on a CPU with their weights in oneDNN's own layout, as `torch.compile` would pack them.

torch multiplies a few dozen rows by a plain weight matrix at half of what the CPU can do, because the matrix is
rearranged in every product. Rearranged once, it gives the same numbers up to rounding, and takes as much memory again
unless the plain matrix is given up.
"""

import platform
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import torch

from haloforge.generate.slots import FULL_ATTENTION

if TYPE_CHECKING:
    from transformers import PreTrainedModel

READ_BY_LAYERS_ALONE = FULL_ATTENTION | {
    "bloom",
    "codegen",
    "falcon",
    "gemma2",
    "gemma3_text",
    "gpt2",
    "gpt_bigcode",
    "gpt_neox",
    "opt",
    "phi3",
    "qwen2_moe",
}
"""Architectures of which no module reads the weight of a linear layer beside it, as Mamba's do."""
_ROWS = 64
"""The number of rows that the layout is best for; no number of rows from 1 to 200 was slower than without it."""


def pack_linears(model: torch.nn.Module) -> Callable[[], None]:
    """Pack every fp32 linear layer of a CPU model; returns a function that undoes it. Other models stay as they are.

    Weights that change afterwards are not seen until the undo.
    """
    layers = _packable(model)
    if sum(layer.weight.nbytes for layer in layers) > psutil.virtual_memory().available // 3:
        return lambda: None
    for layer in layers:
        _pack(layer)

    def undo() -> None:
        for layer in layers:
            del layer.forward  # the class's own shows again
        layers.clear()

    return undo


def pack_for_good(model: "PreTrainedModel") -> None:
    """Pack every fp32 linear layer of a CPU model and give its plain weights up, one layer after the other.

    A model of an architecture that is not known to do without them stays as it is.

    What is left is copied out of the file that it was read from, so that the file's pages leave the memory. A weight
    that another module needs too (a tied embedding) stays. The model can neither be trained nor saved any more.
    """
    layers = _packable(model) if model.config.model_type in READ_BY_LAYERS_ALONE else []
    users = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    for layer in layers:
        _pack(layer)
        if users[id(layer.weight)] == 1:
            layer.weight = torch.nn.Parameter(layer.weight.new_empty(0), requires_grad=False)
    if layers:
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data = tensor.data.clone()


def _packable(model: torch.nn.Module) -> list[torch.nn.Linear]:
    is_supported = torch.backends.mkldnn.is_available() and platform.machine().lower() in ("x86_64", "amd64")
    layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    return [layer for layer in layers if is_supported and _is_packable(layer.weight)]


def _pack(layer: torch.nn.Linear) -> None:
    packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)
    layer.forward = partial(_product, packed, layer.bias)


def _product(packed: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    product: Any = torch.ops.mkldnn._linear_pointwise
    return product(rows, packed, bias, "none", [], "")


def _is_packable(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype is torch.float32
