"""Whether a plan fits into memory: bytes by what holds them, for the phase that needs most.

Only arithmetic on a model's shape. The constants were set by whole runs of the embedded model on a CPU, which log their
own peak beside the estimate; for a GPU they are arithmetic alone, not measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from haloforge.config import AUTO, LoraSection
from haloforge.cores import gpus
from haloforge.errors import ConfigError
from haloforge.estimates.shape import ModelShape
from haloforge.generate.budget import CPU_SHARE, GPU_SHARE, SLOTS, budget_bytes, memory_limit, slots_within
from haloforge.train import TrainingSettings
from haloforge.train.micro_batches import TOKENS_AT_A_TIME

LIBRARIES = 600 * 2**20
"""Resident memory of a worker beside what is counted here: its libraries, records and the verifier's side."""
CUDA_CONTEXT = 600 * 2**20
"""What a process takes of a GPU before its first tensor; not measured here."""
OPTIMIZER_BYTES = 16
"""Per trained number: itself, its gradient and Adam's two moments, in float32."""
OPTIMIZER_BYTES_8BIT = 10
BESIDE_SAVED = 1.3
"""Gradients and temporary results beside what autograd keeps."""
NEARLY_ALL = 0.9
"""Above this share of the memory a plan is cautioned."""

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Device:
    """Where a plan runs: `total` bytes of memory, and bytes per number of the weights."""

    name: str
    total: int
    weight_bytes: int

    @property
    def is_cpu(self) -> bool:
        """Whether it is no GPU."""
        return self.name == "this machine"

    @classmethod
    def here(cls) -> "Device":
        """The GPU that PyTorch finds first, else the machine's memory, or less where a control group grants less."""
        if gpus():
            import torch

            return cls("the GPU", torch.cuda.get_device_properties(0).total_memory, 2)
        return cls("this machine", memory_limit(), 4)


class Span(NamedTuple):
    """Tokens of the shortest and of the longest row of a phase. How long a completion gets is a guess."""

    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes at the peak of a phase, by what holds them, and what would lower them, for people.

    The parts are for the longest rows; `certain` bytes are needed whatever the rows are.
    """

    phase: str
    parts: tuple[tuple[str, int], ...]
    certain: int
    remedy: str

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(size for _, size in self.parts)

    def text(self) -> str:
        """1.6 GiB while training (weights 0.5, activations 0.5, ...): the largest first."""
        largest = sorted(self.parts, key=lambda part: -part[1])
        named = ", ".join(f"{name} {size / _GIB:.1f}" for name, size in largest if size / _GIB >= 0.05)
        return f"{self.total / _GIB:.1f} GiB while {self.phase} ({named})"


def sampling_need(
    shape: ModelShape,
    device: Device,
    span: Span,
    rows: int,
    *,
    cache_gib: float | None = None,
    in_4bit: bool = False,
) -> Need:
    """The local engine's peak: on a CPU often while it loads, when its weights are there as a file and packed.

    A row is a prompt with its completion; `rows` is how many are sampled. `cache_gib` limits keys and values.
    """
    weights = _weights(shape, device, in_4bit)
    slots = min(SLOTS["cpu" if device.is_cpu else "cuda"], rows)
    budget = _cache_budget(device, weights, cache_gib)
    of_token = shape.cache_per_token * device.weight_bytes
    cache = min(budget, slots * span.longest * of_token)
    packed = (shape.parameters - shape.embedding) * device.weight_bytes if device.is_cpu else 0
    loading = packed > cache
    libraries = LIBRARIES if device.is_cpu else CUDA_CONTEXT
    parts = (
        ("libraries", libraries),
        ("weights", weights),
        ("weights once more, while they are packed", packed) if loading else ("keys and values", cache),
    )
    remedy = "take a smaller model" if loading else "lower generation.cache_memory or take a smaller model"
    return Need("sampling", parts, libraries + weights + max(packed, span.shortest * of_token), remedy)


def slots_for(shape: ModelShape, device: Device, width: int, cache_gib: float | None) -> int:
    """How many completions are open at once, when the widest may have `width` tokens with its prompt."""
    most = SLOTS["cpu" if device.is_cpu else "cuda"]
    of_slot = width * shape.cache_per_token * device.weight_bytes
    weights = shape.parameters * device.weight_bytes
    return min(most, slots_within(_cache_budget(device, weights, cache_gib), of_slot))


def training_need(shape: ModelShape, device: Device, settings: TrainingSettings, lora: LoraSection, span: Span) -> Need:
    """A training step's peak."""
    trained = shape.linear_inputs_and_outputs * lora.r
    per_number = OPTIMIZER_BYTES_8BIT if settings.optimizer == "adamw_8bit" else OPTIMIZER_BYTES
    always = (
        ("libraries", LIBRARIES if device.is_cpu else CUDA_CONTEXT),
        ("weights", _weights(shape, device, lora.load_in_4bit)),
        ("adapter and optimizer", trained * per_number),
    )
    rows = 1 if settings.batch_size == AUTO else settings.batch_size  # auto goes down to one before it gives up
    tokens = span.longest * rows
    if device.is_cpu:  # a batch is learned from in parts anyway
        tokens = max(span.longest, min(TOKENS_AT_A_TIME, tokens))
    fewest = span.shortest * (1 if device.is_cpu else rows)
    certain = sum(size for _, size in (*always, *_of_tokens(shape, device, settings, fewest)))
    on_gpu = "set training.batch_size auto or lora.load_in_4bit true"
    remedy = "leave out the longest rows or take a smaller model" if device.is_cpu else on_gpu
    return Need("training", (*always, *_of_tokens(shape, device, settings, tokens)), certain, remedy)


def check_fits(needs: Iterable[Need], device: Device) -> None:
    """Raises ConfigError, one sentence, when a phase needs more memory than there is, however short the rows are."""
    most = max(needs, key=lambda need: need.certain)
    if most.certain > device.total:
        raise ConfigError(
            f"this plan needs at least {most.certain / _GIB:.1f} GiB, about {most.text()}, and {device.name} has "
            f"{device.total / _GIB:.1f} GiB: {most.remedy}"
        )


def peak_line(needs: Iterable[Need], device: Device) -> str:
    """What the phase that needs most needs, and of how much."""
    line = f"at its peak about {highest(needs).text()}, of {device.total / _GIB:.1f} GiB of {device.name}"
    return "; ".join([line, *filter(None, [caution(needs, device)])])


def caution(needs: Iterable[Need], device: Device) -> str:
    """What to do where the longest rows may need more memory than there is; empty where they need not."""
    most = highest(needs)
    if most.total > device.total:
        return f"if the longest rows need as much as that, it ends without memory: {most.remedy}"
    return "that is nearly all of it" if most.total > NEARLY_ALL * device.total else ""


def highest(needs: Iterable[Need]) -> Need:
    """The need of the phase with the highest peak."""
    return max(needs, key=lambda need: need.total)


def _of_tokens(
    shape: ModelShape, device: Device, settings: TrainingSettings, tokens: int
) -> tuple[tuple[str, int], tuple[str, int]]:
    """What a training step holds for so many tokens at a time."""
    saved = shape.saved_per_token * BESIDE_SAVED
    if settings.gradient_checkpointing and not device.is_cpu:
        saved = saved / shape.layers + shape.layers * shape.hidden
    logits = tokens * shape.vocabulary * 4 if device.is_cpu else 0  # on a GPU the head is fused with the loss
    return ("activations", int(tokens * saved * device.weight_bytes)), ("logits", logits)


def _cache_budget(device: Device, weights: int, cache_gib: float | None) -> int:
    return budget_bytes(device.total, weights, CPU_SHARE if device.is_cpu else GPU_SHARE, cache_gib)


def _weights(shape: ModelShape, device: Device, in_4bit: bool) -> int:
    if in_4bit:
        return int((shape.parameters - shape.embedding) * 0.55 + shape.embedding * device.weight_bytes)
    return shape.parameters * device.weight_bytes
