"""Settings of what is made of a checkpoint for others."""

from typing import ClassVar, Literal

from haloforge.settings import StageConfig, setting


class ReleaseConfig(StageConfig):
    """Make a checkpoint ready for others: files that other tools load, and a model card out of the records."""

    stage: ClassVar[str] = "release"
    command: ClassVar[tuple[str, ...]] = ("models", "release")
    model: str = setting(kind="model")
    """Checkpoint: a folder of a run, smollm2-135m, or a Hub id."""
    output: str = setting("models/release", kind="folder", is_output=True)
    """Folder that receives `model` and the card, README.md."""
    overwrite: bool = setting(False, advanced=True)
    """Replace what is there."""
    format: Literal["merged", "gguf", "adapter", "none"] = setting("merged")
    """merged: safetensors; gguf: one file for llama.cpp and Ollama; adapter: for PEFT, without its base; none: none."""
    type: Literal[
        "f32", "f16", "bf16", "q8_0", "q6_k", "q5_1", "q5_k_m", "q5_0", "q4_1", "q4_k_m", "q4_0", "mxfp4", "q3_k_m",
        "q2_k", "tq2_0", "tq1_0",
    ] = setting("f16")  # fmt: skip
    """Number format of gguf; with _k: needs halo-forge[kquants]; tq2_0, tq1_0: for models with ternary weights."""
    dtype: Literal["float32", "bfloat16", "float16"] = setting("float32")
    """Number format of merged."""
    card: bool = setting(True)
    """Write the model card: base, data, recipe, scores, cautions and cost, as the runs recorded them."""
