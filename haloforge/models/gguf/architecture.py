"""What llama.cpp must know of a model besides its weights: sizes, rotary positions, and how it orders their rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haloforge.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from transformers import PretrainedConfig


@dataclass(frozen=True, slots=True)
class Architecture:
    """How llama.cpp has one of transformers' model types.

    With `pairs_neighbours` its rotary positions turn neighbouring rows of a head, where transformers turns the halves
    of a head, so the rows of the query and key projections are put in another order. With `biases` it reads biases.
    """

    name: str
    pairs_neighbours: bool
    biases: bool


ARCHITECTURES = {
    "llama": Architecture("llama", pairs_neighbours=True, biases=True),
    "mistral": Architecture("llama", pairs_neighbours=True, biases=True),
    "qwen2": Architecture("qwen2", pairs_neighbours=False, biases=True),
    "qwen3": Architecture("qwen3", pairs_neighbours=False, biases=False),
    "smollm3": Architecture("smollm3", pairs_neighbours=True, biases=False),
}
"""By transformers' `model_type`."""

_NO_ROPE_EVERY = 4
"""llama.cpp has it fixed that every fourth layer of SmolLM3 has no rotary positions."""


def architecture_of(config: "PretrainedConfig") -> Architecture:
    """Raises ModelError for one that is not known here, or that llama.cpp would not compute as transformers does."""
    settings = config.to_dict()
    kind = settings["model_type"]
    if kind not in ARCHITECTURES:
        raise ModelError(
            f"A GGUF of the architecture {kind!r} cannot be written; those of {', '.join(ARCHITECTURES)} can. "
            "Use --format merged"
        )
    found = ARCHITECTURES[kind]
    doubts = {
        f"its activation is {settings['hidden_act']}": settings["hidden_act"] != "silu",
        "it has biases": not found.biases and bool(settings.get("attention_bias") or settings.get("mlp_bias")),
        "its layers without rotary positions are others than every fourth": kind == "smollm3"
        and settings["no_rope_layers"] != _rotary_layers(settings["num_hidden_layers"]),
        f"its rotary positions are of the kind {_rope(settings)['rope_type']}": _rope(settings)["rope_type"]
        not in ("default", "linear", "llama3", "yarn"),
    }
    for reason, applies in doubts.items():
        if applies:
            raise ModelError(f"llama.cpp does not compute this {kind} model as transformers does: {reason}")
    return found


def describe(writer: "GGUFWriter", config: "PretrainedConfig") -> None:
    """Write the sizes of the model and its rotary positions into the header of the file."""
    settings = config.to_dict()
    heads = settings["num_attention_heads"]
    head_size = settings.get("head_dim") or settings["hidden_size"] // heads
    writer.add_vocab_size(settings["vocab_size"])
    writer.add_context_length(_context_length(settings))
    writer.add_embedding_length(settings["hidden_size"])
    writer.add_block_count(settings["num_hidden_layers"])
    writer.add_feed_forward_length(settings["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(settings.get("num_key_value_heads") or heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_layer_norm_rms_eps(settings["rms_norm_eps"])
    _describe_rope(writer, _rope(settings), settings["max_position_embeddings"])


def rope_factors(config: "PretrainedConfig") -> "np.ndarray | None":
    """What the frequency of each pair of rows of a head is divided by, shape (head size / 2,); None where by nothing.

    Llama 3.1 stretches its positions so: fast frequencies stay, slow ones are divided by `factor`, and between the two
    the divisor goes over smoothly.
    """
    import numpy as np

    settings = config.to_dict()
    rope = _rope(settings)
    if rope["rope_type"] != "llama3":
        return None
    size = settings.get("head_dim") or settings["hidden_size"] // settings["num_attention_heads"]
    waves = 2 * math.pi * rope["rope_theta"] ** (np.arange(0, size, 2, dtype=np.float64) / size)
    turns = rope["original_max_position_embeddings"] / waves
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    share = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / ((1 - share) / factor + share)).astype(np.float32)


def reordered(name: str, weight: "np.ndarray", config: "PretrainedConfig") -> "np.ndarray":
    """A weight with its rows in llama.cpp's order; `name` is transformers'. Only queries and keys ever change."""
    settings = config.to_dict()
    part = name.split(".")[-2]
    if part not in ("q_proj", "k_proj") or not ARCHITECTURES[settings["model_type"]].pairs_neighbours:
        return weight
    heads = settings["num_attention_heads"]
    count = heads if part == "q_proj" else settings.get("num_key_value_heads") or heads
    halves = weight.reshape(count, 2, weight.shape[0] // count // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _rotary_layers(count: int) -> list[int]:
    return [int((layer + 1) % _NO_ROPE_EVERY != 0) for layer in range(count)]


def _rope(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10000.0} | (settings["rope_parameters"] or {})


def _context_length(settings: Mapping[str, Any]) -> int:
    """Of a model that slides its attention no more than the window: so far llama.cpp computes the same."""
    longest: int = settings["max_position_embeddings"]
    window = settings.get("sliding_window") if settings.get("use_sliding_window", True) else None
    return min(longest, window) if window else longest


def _describe_rope(writer: "GGUFWriter", rope: Mapping[str, Any], longest: int) -> None:
    from gguf import RopeScalingType

    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] not in ("linear", "yarn"):
        return
    writer.add_rope_scaling_type(RopeScalingType(rope["rope_type"]))
    writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope.get("original_max_position_embeddings") or longest)
