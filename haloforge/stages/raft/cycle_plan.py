"""What a cycle does, decided once before it starts: its model, learning rate, temperature, threshold and problems."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from haloforge.config import RaftConfig
from haloforge.stages.raft.evaluation import best_of, evaluations
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.scores import tally
from haloforge.store import Report


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """The decisions for one cycle, as the phase `plan` records them under these names.

    `start` is the cycle whose model samples, and is trained further. `easiest` is the share of the solved problems
    that may be trained on, the easiest first. `more_samples` maps task ids to another number of samples than usual.
    """

    start: int
    learning_rate: float
    temperature: float
    threshold: float
    easiest: float
    more_samples: Mapping[str, int]

    def settings(self, config: RaftConfig, cycle: int) -> RaftConfig:
        """The settings of the cycle with the temperature and the reward threshold of this plan."""
        settings = config.of_cycle(cycle)
        sampling = settings.generation.model_copy(update={"temperature": self.temperature})
        loop = settings.raft.model_copy(update={"reward_threshold": self.threshold})
        return settings.model_copy(update={"generation": sampling, "raft": loop})


def plan_cycle(report: Report, config: RaftConfig, split: Split, cycle: int) -> CyclePlan:
    """The plan of a cycle: the recorded one where there is one."""
    recorded = once(report, cycle, "plan", lambda: asdict(_plan(report, config, split, cycle))).findings
    return CyclePlan(**{name: recorded[name] for name in CyclePlan.__slots__})


def last_trained(report: Report) -> int:
    """The newest cycle whose training is done; 0 when there is none."""
    return max(_cycles_that(report, "train"), default=0)


def untrained(report: Report) -> list[int]:
    """Cycles that chose what to train on and found too little of it."""
    return sorted(_cycles_that(report, "select") - _cycles_that(report, "train"))


def trained(report: Report) -> list[int]:
    """Cycles whose training is done."""
    return sorted(_cycles_that(report, "train"))


def _cycles_that(report: Report, phase: str) -> set[int]:
    phases = report.store.phases(report.run_id)
    return {p["cycle"] for p in phases if (p["phase"], p["status"]) == (phase, "done")}


def _plan(report: Report, config: RaftConfig, split: Split, cycle: int) -> CyclePlan:
    loop, last, settings = config.raft, last_trained(report), config.of_cycle(cycle)
    evaluated = evaluations(report, split.held_out, last, config) if loop.rollback else []
    start = best_of(evaluated).cycle if evaluated else last
    return CyclePlan(
        start=start,
        learning_rate=config.training.learning_rate * loop.lr_decay_per_cycle ** (cycle - 1) * 0.5 ** (last - start),
        temperature=_scheduled(settings.generation.temperature, loop.final_temperature, cycle, loop.num_cycles),
        threshold=_scheduled(settings.raft.reward_threshold, loop.final_threshold, cycle, loop.num_cycles),
        easiest=cycle / loop.num_cycles if loop.curriculum == "easy_first" else 1.0,
        more_samples=_retries(report, config, split, cycle),
    )


def _scheduled(first: float, last: float | None, cycle: int, cycles: int) -> float:
    """The value of a cycle, in equal steps from `first` to `last`; always `first` where there is no last."""
    if last is None or cycles == 1:
        return first
    return first + (last - first) * (cycle - 1) / (cycles - 1)


def _retries(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, int]:
    """Task id -> number of samples, for the problems that no sample of the cycle before solved."""
    if config.raft.retry_unsolved == 1 or cycle == 1:
        return {}
    before = report.store.summaries(report.run_id, cycle=cycle - 1, purpose="train")
    more = config.of_cycle(cycle).raft.samples_per_prompt * config.raft.retry_unsolved
    return {t.task_id: more for t in tally(split.train, before) if t.scored and not t.passed}
