"""The number formats that a GGUF file can have here, and which of its weights get which."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from haloforge.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGMLQuantizationType

K_QUANTS = {
    "q6_k": ("Q6_K", "Q8_0"),
    "q5_k_m": ("Q5_K", "Q5_1"),
    "q4_k_m": ("Q4_K", "Q5_0"),
    "q3_k_m": ("Q3_K", "IQ4_NL"),
    "q2_k": ("Q2_K", "IQ4_NL"),
}
"""What llama.cpp's own quantiser makes: the format of most weights, and of those whose rows are not whole blocks."""
GGUF_TYPES = (
    *("f32", "f16", "bf16", "q8_0", "q6_k", "q5_1", "q5_k_m", "q5_0", "q4_1", "q4_k_m", "q4_0", "mxfp4"),
    *("q3_k_m", "q2_k", "tq2_0", "tq1_0"),
)
"""From the largest file to the smallest. All but K_QUANTS are what the package `gguf` can write."""
_TERNARY = ("tq2_0", "tq1_0")
"""They hold -1, 0 and 1 times one number for 256 weights: exact for models trained so (TriLM), only for those."""

_KEPT = ("token_embd.weight", "output.weight")
"""Every token passes through these: with fewer than eight bits they cost more accuracy than they save bytes."""
_LARGEST_F16 = 65504.0
_AT_ONCE = 1 << 18
"""Numbers that are quantized in one go."""


def refuse_type(name: str) -> None:
    """Raises ModelError for a number format that cannot be written, with what to do instead."""
    if name in K_QUANTS and find_spec("cyllama") is None:
        others = ", ".join(kind for kind in GGUF_TYPES if kind not in K_QUANTS)
        raise ModelError(
            f"The GGUF type {name} needs llama.cpp's own quantiser, which is not installed: pip install "
            f"'halo-forge[kquants]'; or use one of {others}"
        )
    if name in GGUF_TYPES:
        return
    if "_k" in name or name.startswith("iq") or name in ("nvfp4", "q1_0"):
        raise ModelError(
            f"The GGUF type {name} is not available here. Export f16, and let llama.cpp's llama-quantize make "
            f"{name.upper()} of it; or use one of {', '.join(GGUF_TYPES)}"
        )
    raise ModelError(f"Unknown GGUF type {name!r}; use one of {', '.join(GGUF_TYPES)}")


def type_for(tensor: str, shape: tuple[int, ...], wanted: str) -> "GGMLQuantizationType":
    """The number format of one tensor (by llama.cpp's name) in a file of the type `wanted`.

    Among K_QUANTS this is most of the truth: llama.cpp gives some layers a larger format.
    """
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if len(shape) == 1:  # norms and biases: llama.cpp reads them as fp32 only
        return GGMLQuantizationType.F32
    if tensor in _KEPT and not wanted.endswith(("f32", "f16")):
        wanted = "q8_0"
    usual, fallback = K_QUANTS.get(wanted, (wanted.upper(), "F16"))
    found = GGMLQuantizationType[usual]
    block, _ = GGML_QUANT_SIZES[found]
    return found if shape[-1] % block == 0 else GGMLQuantizationType[fallback]


def size_of(shape: tuple[int, ...], kind: "GGMLQuantizationType") -> int:
    """Bytes of a tensor in the file."""
    from math import prod

    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    return prod(shape) // block * size


def quantized(name: str, weight: "np.ndarray", kind: "GGMLQuantizationType") -> "np.ndarray":
    """The bytes or numbers that the file holds of an fp32 weight. Raises ModelError for what the format cannot hold."""
    import numpy as np
    from gguf import GGMLQuantizationType, quants

    if kind is GGMLQuantizationType.F16 and np.abs(weight).max(initial=0) > _LARGEST_F16:
        raise ModelError(f"{name} holds numbers that are too large for f16; use --type bf16")
    if weight.ndim == 1:
        return quants.quantize(np.ascontiguousarray(weight), kind)
    step = max(1, _AT_ONCE // weight.shape[1])  # its temporary arrays take ten times the room of the weight
    pieces = [np.ascontiguousarray(weight[start : start + step]) for start in range(0, len(weight), step)]
    found = [quants.quantize(piece, kind) for piece in pieces]
    ternary = kind.name.lower() in _TERNARY
    if ternary and not all(map(_is_nearly, pieces, (quants.dequantize(piece, kind) for piece in found))):
        raise ModelError(
            f"{name} holds other numbers than -1, 0 and 1 times a scale, so {kind.name.lower()} would spoil the model: "
            "that format is for models trained with ternary weights. Use --type q4_0"
        )
    return np.concatenate(found)


def _is_nearly(weight: "np.ndarray", stored: "np.ndarray") -> bool:
    """Whether a format that is exact up to its scale, which is in fp16, holds these numbers."""
    import numpy as np

    return bool(np.abs(stored - weight).max() <= 0.01 * np.abs(weight).max())
