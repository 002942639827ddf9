"""Which number format the weights of a folder are stored in; reads the headers of safetensors files, no weights."""

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
