"""The number formats that a GGUF file can have here, and which of its weights get which."""

from typing import TYPE_CHECKING

from haloforge.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGMLQuantizationType

GGUF_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
"""From the largest file to the smallest. They are what the package `gguf` can write."""

_KEPT = ("token_embd.weight", "output.weight")
"""Every token passes through these: with fewer than eight bits they cost more accuracy than they save bytes."""
_LARGEST_F16 = 65504.0
_AT_ONCE = 1 << 18
"""Numbers that are quantized in one go."""


def refuse_type(name: str) -> None:
    """Raises ModelError for a number format that cannot be written, with what to do instead."""
    if name in GGUF_TYPES:
        return
    if "_k" in name or name.startswith("iq"):
        raise ModelError(
            f"The GGUF type {name} is not available: no Python package makes such files. Export f16, and let "
            f"llama.cpp's own llama-quantize make {name.upper()} of it; or use one of {', '.join(GGUF_TYPES)}"
        )
    raise ModelError(f"Unknown GGUF type {name!r}; use one of {', '.join(GGUF_TYPES)}")


def type_for(tensor: str, shape: tuple[int, ...], wanted: str) -> "GGMLQuantizationType":
    """The number format of one tensor (by llama.cpp's name) in a file of the type `wanted`."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if len(shape) == 1:  # norms and biases: llama.cpp reads them as fp32 only
        return GGMLQuantizationType.F32
    if tensor in _KEPT and wanted.startswith(("q4", "q5")):
        wanted = "q8_0"
    found = GGMLQuantizationType[wanted.upper()]
    block, _ = GGML_QUANT_SIZES[found]
    return found if shape[-1] % block == 0 else GGMLQuantizationType.F16


def size_of(shape: tuple[int, ...], kind: "GGMLQuantizationType") -> int:
    """Bytes of a tensor in the file."""
    from math import prod

    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    return prod(shape) // block * size


def quantized(name: str, weight: "np.ndarray", kind: "GGMLQuantizationType") -> "np.ndarray":
    """The bytes or numbers that the file holds of an fp32 weight. Raises ModelError for what fp16 cannot hold."""
    import numpy as np
    from gguf import GGMLQuantizationType, quants

    if kind is GGMLQuantizationType.F16 and np.abs(weight).max(initial=0) > _LARGEST_F16:
        raise ModelError(f"{name} holds numbers that are too large for f16; use --type bf16")
    if weight.ndim == 1:
        return quants.quantize(np.ascontiguousarray(weight), kind)
    step = max(1, _AT_ONCE // weight.shape[1])  # its temporary arrays take ten times the room of the weight
    pieces = (weight[start : start + step] for start in range(0, len(weight), step))
    return np.concatenate([quants.quantize(np.ascontiguousarray(piece), kind) for piece in pieces])
