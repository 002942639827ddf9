"""What `data generate` with a local model will take; what a server needs is the server's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from haloforge.config import GenerateConfig
from haloforge.estimates import PhaseTime
from haloforge.records import Problem
from haloforge.stages.data.asking import protocol_of
from haloforge.stages.shared.forecast import Plan, memory_and_time, watched
from haloforge.stages.shared.memory import row_span
from haloforge.stages.shared.pace import Pace
from haloforge.store import Report


def estimate_lines(config: GenerateConfig, problems: Sequence[Problem], to_go: int, *, measures: bool) -> list[str]:
    """For the dry run, when so many answers are missing; none for a server. Raises ConfigError for what cannot fit."""
    if config.backend != "local":
        return []
    memory, time = memory_and_time(_plan(config, problems, to_go), measures=measures)
    return [f"memory: {memory}", f"time: {time}"]


@contextmanager
def watched_answers(report: Report, config: GenerateConfig, problems: Sequence[Problem], to_go: int) -> Iterator[None]:
    """Nothing for a server; for a local model see `watched`."""
    if config.backend != "local":
        yield
        return
    with watched(report, _plan(config, problems, to_go)):
        yield


def _plan(config: GenerateConfig, problems: Sequence[Problem], to_go: int) -> Plan:
    settings, wanted = config.generation, len(problems) * config.samples
    span, protocol = row_span(problems, settings.max_new_tokens), protocol_of(config.system_prompt)
    verifier, phase = (config.verifier, "sample") if config.verify else (None, "generate")

    def times(pace: Pace) -> list[PhaseTime]:
        parts = pace.sampled(problems, config.samples, settings, verifier, protocol=protocol, loads=True)
        return [PhaseTime(phase, 0, {kind: seconds * to_go / wanted for kind, seconds in parts.items()})]

    return Plan(config.model, lambda room: [room.sampling(span, to_go, settings.cache_memory)], times)
