"""Models of the right width and too few layers, the seconds of work on them, and what that says about all layers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from haloforge.models import linear_layers, with_layers

_REPEATS = 2
RatesT = TypeVar("RatesT")


class Lap(NamedTuple):
    """What work cost: CPU seconds on a CPU, seconds by the clock on a GPU; `cores` is how many worked at once."""

    seconds: float
    cores: float

    @property
    def wall(self) -> float:
        """Seconds by the clock on a machine that does nothing else."""
        return self.seconds / self.cores


Clock = Callable[[Lap], float]


@dataclass(frozen=True, slots=True)
class Measured(Generic[RatesT]):
    """The same rates twice: in seconds by the clock, on a machine that does nothing else, and of CPU time."""

    wall: RatesT
    cpu: RatesT


class Probe(NamedTuple):
    """The same model with few and with a few more layers, and how many it has in truth."""

    shallow: PreTrainedModel
    deep: PreTrainedModel
    depth: int

    def extrapolated(self, work: Callable[[PreTrainedModel], Lap]) -> Lap:
        """The work at full depth: linear in the layers. Both models take turns; the quickest counts."""
        laps = [(work(self.shallow), work(self.deep)) for _ in range(_REPEATS)]
        shallow, deep = (fastest([pair[place] for pair in laps]) for place in (0, 1))
        first, second = (_layers(model) for model in (self.shallow, self.deep))
        more = (self.depth - first) / (second - first)
        return Lap(shallow.seconds + max(0.0, deep.seconds - shallow.seconds) * more, deep.cores)


def fastest(laps: list[Lap]) -> Lap:
    """The fewest seconds and the most cores of several laps: what others do meanwhile only makes work slower."""
    return Lap(min(lap.seconds for lap in laps), max(lap.cores for lap in laps))


def timed(device: torch.device, work: Callable[[], object]) -> Lap:
    """Do the work, to its end on the device too.

    On a busy machine CPU time stays the same and time by the clock grows, so that their ratio, the cores, gets too
    small; it is at least 1.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return Lap(time.perf_counter() - wall, 1.0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Lap(cpu, min(max(1.0, cpu / max(wall, 1e-9)), float(torch.get_num_threads())))


def probe_of(config: PretrainedConfig, device: torch.device, dtype: torch.dtype, most_layers: int) -> Probe:
    """Random weights. The more layers are needed to outweigh the head, the more the deep one has."""
    depth = config.get_text_config().num_hidden_layers
    first = _with_random_weights(config, 1, device, dtype)
    layer = sum(part.get_parameter("weight").numel() for part in linear_layers(first).values())
    head = first.get_output_embeddings().weight.numel()
    more = min(most_layers - 1, max(2, round(2 * head / max(1, layer))), max(2, depth - 1))
    return Probe(first, _with_random_weights(config, 1 + more, device, dtype), depth)


def _with_random_weights(
    config: PretrainedConfig, layers: int, device: torch.device, dtype: torch.dtype
) -> PreTrainedModel:
    with torch.device(device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            with_layers(config, layers), attn_implementation="sdpa", dtype=dtype
        )
    return model.eval()


def _layers(model: PreTrainedModel) -> int:
    return int(model.config.get_text_config().num_hidden_layers)
