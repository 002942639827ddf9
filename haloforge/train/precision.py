"""In which numbers a training computes. Light to import: torch is asked only about the device that is there."""

from dataclasses import dataclass
from typing import Literal, Self

from haloforge.train.training import TrainingSettings


@dataclass(frozen=True, slots=True)
class Device:
    """What the device of a training can do; `has_bf16` is false where bfloat16 is only emulated."""

    has_gpu: bool
    has_bf16: bool

    @classmethod
    def of_this_machine(cls) -> Self:
        """The GPU that PyTorch finds first, else the CPU."""
        import torch

        has_gpu = torch.cuda.is_available()
        return cls(has_gpu, has_gpu and torch.cuda.is_bf16_supported(including_emulation=False))


@dataclass(frozen=True, slots=True)
class Precision:
    """`base` is the type of the frozen weights and of the arithmetic; what is trained is always kept in float32.

    `has_scaler`: the loss is scaled, because the gradients of float16 would vanish. It is dynamic: a step whose
    gradients overflow changes nothing and halves the scale.
    """

    base: Literal["float32", "bfloat16", "float16"]
    has_scaler: bool


def precision(settings: TrainingSettings, device: Device) -> Precision:
    """bfloat16 where the device has it, else (T4, V100, RTX 20xx) float16 with a loss scaler, else float32.

    `training.bf16: false` asks for float32 on a GPU too.
    """
    if not device.has_gpu or not settings.bf16:
        return Precision("float32", has_scaler=False)
    return Precision("bfloat16", has_scaler=False) if device.has_bf16 else Precision("float16", has_scaler=True)
