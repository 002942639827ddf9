"""Groups of settings that several stages have."""

from collections.abc import Mapping

from haloforge.settings import Section, setting


class ModelSection(Section):
    """Which model to start from."""

    name: str = setting(flag="model", kind="model")
    """Hub id, local folder (full model or LoRA adapter), or smollm2-135m (embedded, works without network)."""


class LoraSection(Section):
    """The adapter that is trained. A starting checkpoint that is an adapter is trained further, with its own rank."""

    r: int = setting(16, flag="lora-rank", ge=1, le=1024)
    """Rank of the adapter matrices."""
    alpha: int = setting(32, flag="lora-alpha", ge=1, le=4096)
    """Scale of the adapter (alpha / r multiplies its output)."""
    dropout: float = setting(0.05, flag="lora-dropout", ge=0, lt=1)
    """Dropout inside the adapter."""
    load_in_4bit: bool = setting(False, advanced=True)
    """Train on a base in 4 bits (QLoRA), with a CUDA GPU and bitsandbytes; sampling and merging use whole weights."""


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


class TrainingSection(Section):
    """What every training has, whichever stage asks for it."""

    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(2e-4, gt=0, le=1)
    """Peak learning rate (cosine decay)."""
    bf16: bool = setting(True)
    """Train in bfloat16 where a GPU supports it; a CPU always trains in float32."""
    gradient_checkpointing: bool = setting(True)
    """Trade time for memory on a GPU; off on a CPU."""
    max_grad_norm: float = setting(1.0, gt=0, advanced=True)
    """Gradients are clipped to this norm."""
