"""What the stages ask of the estimate of memory: the needs of their phases, refused or told before anything starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from haloforge.config import LoraSection
from haloforge.estimates import (
    Device,
    ModelShape,
    Need,
    Span,
    caution,
    check_fits,
    highest,
    peak_line,
    sampling_need,
    shape_of,
    slots_for,
    training_need,
)
from haloforge.records import Problem
from haloforge.store import Report
from haloforge.train import TrainingSettings

CHARACTERS_PER_TOKEN = 2.5
"""Of code and its descriptions, on the low side: a row is rather thought too long than too short."""
TEMPLATE_TOKENS = 60
"""Around a prompt: the chat template and what it says by itself."""

_UNKNOWN = "not known: the model's config is not on this machine yet, or of a kind that cannot be counted"


@dataclass(frozen=True, slots=True)
class Room:
    """A model's shape and the memory of the device that it will run on."""

    shape: ModelShape
    device: Device

    @classmethod
    def of(cls, model: str) -> Self | None:
        """None where the model's config is not on this machine, so that nothing can be said. Raises ModelError."""
        shape = shape_of(model)
        return None if shape is None else cls(shape, Device.here())

    def sampling(self, span: Span, rows: int, cache_gib: float | None, *, in_4bit: bool = False) -> Need:
        """The need of a phase that samples `rows` completions; a row is a prompt and its completion."""
        return sampling_need(self.shape, self.device, span, rows, cache_gib=cache_gib, in_4bit=in_4bit)

    def slots(self, width: int, cache_gib: float | None) -> int:
        """How many completions of at most `width` tokens, prompts included, are sampled at once."""
        return slots_for(self.shape, self.device, width, cache_gib)

    def training(self, settings: TrainingSettings, lora: LoraSection, span: Span) -> Need:
        """The need of a training on rows of so many tokens."""
        return training_need(self.shape, self.device, settings, lora, span)


def peak(device: Device) -> int:
    """Bytes that this process has held at most."""
    if device.is_cpu:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    import torch

    return int(torch.cuda.max_memory_reserved())


def row_span(problems: Sequence[Problem], max_new_tokens: int) -> Span:
    """Tokens of a prompt with its completion, about: of the shortest with one token, of the longest with all."""
    prompts = [tokens_of(replace(problem, solution=None)) for problem in problems] or [TEMPLATE_TOKENS]
    return Span(int(min(prompts)) + 1, int(max(prompts)) + max_new_tokens)


def tokens_of(problem: Problem) -> float:
    """About how many tokens a problem's prompt and solution have, by their characters."""
    prompt = problem.prompt
    texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    return sum(map(len, (*texts, problem.solution or ""))) / CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS


NeedsIn = Callable[[Room], Sequence[Need]]
"""What a plan needs in the memory of a device, phase by phase."""


def memory_text(model: str, needs_in: NeedsIn) -> str:
    """For the dry run: what the plan needs. Raises ConfigError when that is more than there is."""
    room = Room.of(model)
    if room is None:
        return _UNKNOWN
    needs = needs_in(room)
    check_fits(needs, room.device)
    return peak_line(needs, room.device)


def checked_needs(report: Report, room: Room, needs_in: NeedsIn) -> Sequence[Need]:
    """What a run needs; a caution goes to its log. Raises ConfigError when it is more than there is."""
    needs = needs_in(room)
    check_fits(needs, room.device)
    if said := caution(needs, room.device):
        report.log(f"memory: {highest(needs).text()}, of {room.device.total / 2**30:.1f} GiB; {said}")
    return needs
