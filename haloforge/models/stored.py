"""The number format and the size of the weights in a folder; reads headers of safetensors files, no weights."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stored_dtype(folder: Path) -> "torch.dtype":
    """The narrowest of fp32, bf16 and fp16 that holds every weight of the folder without rounding.

    What config.json says is not asked: some name a format that the files do not have. fp32 where no file tells.
    """
    import torch
    from safetensors import safe_open

    found: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            found |= {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118
    floating = {name for name in found if name in {"F64", "F32", "F16", "BF16"}}
    if floating == {"BF16"}:
        return torch.bfloat16
    return torch.float16 if floating == {"F16"} else torch.float32


def weights_size(folder: Path) -> int:
    """Bytes of the weights of a full model; of one whose weights are not here yet, what its config makes of them."""
    from transformers import AutoConfig

    from haloforge.models.skeleton import without_weights

    if files := list(folder.glob("*.safetensors")):
        return sum(file.stat().st_size for file in files)
    model = without_weights(AutoConfig.from_pretrained(folder))
    return sum(weight.numel() for weight in model.parameters()) * (model.config.dtype or stored_dtype(folder)).itemsize
