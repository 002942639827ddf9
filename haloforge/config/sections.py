"""Groups of settings that several stages have."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from haloforge.settings import Names, OrAuto, Section, setting

RowsAtOnce = Annotated[int | Literal["auto"], OrAuto(ge=1, le=1024)]
DEFAULT_ROWS = 2
"""Rows per batch where nothing is set; with auto an optimizer step learns from as many rows as with this many."""
ALL_LINEAR = ("all-linear",)
"""Every linear layer but the output head."""


class ModelSection(Section):
    """Which model to start from."""

    name: str = setting(flag="model", kind="model")
    """Hub id (org/name@revision), folder (full model or LoRA adapter), or smollm2-135m (works without network)."""


class LoraSection(Section):
    """The adapter that is trained. A starting checkpoint that is an adapter is trained further, with its own rank."""

    r: int = setting(16, flag="lora-rank", ge=1, le=1024)
    """Rank of the adapter matrices."""
    alpha: int = setting(32, flag="lora-alpha", ge=1, le=4096)
    """Scale of the adapter (alpha / r multiplies its output)."""
    dropout: float = setting(0.05, flag="lora-dropout", ge=0, lt=1)
    """Dropout inside the adapter."""
    target_modules: Names = setting(ALL_LINEAR, flag="lora-targets", min_length=1, advanced=True)
    """Which layers get an adapter: all-linear, or names such as q_proj, v_proj."""
    use_rslora: bool = setting(False, flag="lora-rslora", advanced=True)
    """Scale by alpha / sqrt(r) instead of alpha / r (rank-stabilised), so that a high rank still learns."""
    use_dora: bool = setting(False, flag="lora-dora", advanced=True)
    """Learn the length of each weight vector apart from its direction (DoRA): slower, sometimes better at low ranks."""
    load_in_4bit: bool = setting(False, advanced=True)
    """Train on a base in 4 bits (QLoRA), with a CUDA GPU and bitsandbytes; merging uses whole weights."""

    @model_validator(mode="after")
    def _all_linear_stands_alone(self) -> Self:
        if "all-linear" in self.target_modules and self.target_modules != ALL_LINEAR:
            raise ValueError("lora.target_modules is all-linear or a list of names, not both")
        return self


class SamplingSection(Section):
    """How completions are sampled."""

    max_new_tokens: int = setting(1024, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    temperature: float = setting(0.7, ge=0, le=2)
    """Sampling temperature; 0 is greedy."""
    top_p: float = setting(0.95, gt=0, le=1, advanced=True)
    """Sample from the smallest set of tokens with this much probability."""
    cache_memory: float | None = setting(None, gt=0, le=4096, advanced=True)
    """GiB for keys and values of unfinished completions (local models); by default a fixed share of the memory."""

    def refuse_greedy_copies(self, samples: Mapping[str, int]) -> None:
        """Raises ValueError when more than one greedy sample is asked for; `samples` by the name of the setting."""
        for name, count in samples.items():
            if self.temperature == 0 and count > 1:
                raise ValueError(
                    f"generation.temperature 0 gives the same completion every time, so {name} {count} would be copies "
                    f"of one: give {name} 1, or a temperature such as 0.7"
                )


class BatchedSampling(SamplingSection):
    """How completions are sampled: all of them in one pool, the longest prompt first."""

    batch_size: int = setting(4, flag="generation-batch-size", ge=1, le=4096, advanced=True)
    """Problems whose seeds are drawn together, so that earlier runs can be repeated; it no longer changes the speed."""
    save_every: int = setting(64, ge=1, le=4096, advanced=True)
    """Finished samples are stored after so many, and every ten seconds; a killed run loses what is not stored."""


class CheckpointSampling(BatchedSampling):
    """How completions of a checkpoint are sampled, and where."""

    backend: Literal["local", "vllm"] = setting("local", flag="generation-backend", advanced=True)
    """Who samples: local (transformers, on this machine), or vllm: its servers at `endpoints`, or started here."""
    endpoints: Names = setting((), advanced=True)
    """Addresses of vLLM servers, with commas: http://a:8000,http://b:8000; they must see the output folder. Without
    them backend vllm starts servers on this machine."""

    @model_validator(mode="after")
    def _endpoints_are_addresses_of_vllm(self) -> Self:
        if self.backend == "local" and self.endpoints:
            raise ValueError("generation.endpoints are vLLM servers: give generation.backend vllm with them")
        for endpoint in self.endpoints:
            if urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc:
                raise ValueError(f"generation.endpoints: {endpoint!r} is no web address such as http://localhost:8000")
        return self


class TrainingSection(Section):
    """What every training has, whichever stage asks for it."""

    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(2e-4, gt=0, le=1)
    """Peak learning rate (cosine decay)."""
    bf16: bool = setting(True)
    """Train in bfloat16 on a GPU that has it, on an older one in float16 with a loss scaler; false: in float32."""
    gradient_checkpointing: bool = setting(True)
    """Trade time for memory on a GPU; off on a CPU."""
    max_grad_norm: float = setting(1.0, gt=0, allow_inf_nan=False, advanced=True)
    """Gradients are clipped to this norm."""
    optimizer: Literal["adamw", "adamw_8bit"] = setting("adamw", advanced=True)
    """adamw_8bit keeps the optimizer's state in a quarter of the memory, with a CUDA GPU and bitsandbytes."""
    launch: str | None = setting(None, advanced=True)
    """Train in several processes, which this prefix starts: torchrun --nproc-per-node 8, accelerate launch ...; each
    has batch_size rows at once."""
    group_by_length: bool = setting(True, advanced=True)
    """Put rows of like length into a batch, so that little of it is padding; batches stay in random order."""
