"""What a cycle sets out to do, decided once before it starts: from which model, how hard, how warm, how often."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from haloforge.config import RaftConfig
from haloforge.stages.raft.evaluation import best, standings
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.scores import tally
from haloforge.store import Report


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """`start` is the cycle whose model samples (and goes on to be trained); `more_samples` holds what differs."""

    start: int
    learning_rate: float
    temperature: float
    threshold: float
    easiest: float
    more_samples: Mapping[str, int]


def plan_cycle(report: Report, config: RaftConfig, split: Split, cycle: int) -> CyclePlan:
    """The plan of a cycle: the recorded one where there is one."""
    facts = once(report, cycle, "plan", lambda: asdict(_plan(report, config, split, cycle)))
    return CyclePlan(**{name: facts[name] for name in CyclePlan.__slots__})


def last_trained(report: Report) -> int:
    """The newest cycle whose training is done; 0 when there is none."""
    done = [p["cycle"] for p in report.store.phases(report.run_id) if (p["phase"], p["status"]) == ("train", "done")]
    return max(done, default=0)


def _plan(report: Report, config: RaftConfig, split: Split, cycle: int) -> CyclePlan:
    loop, last, own = config.raft, last_trained(report), config.of_cycle(cycle)
    found = standings(report, split.held_out, last, config.seed) if loop.rollback else []
    start = best(found).cycle if found else last
    return CyclePlan(
        start=start,
        learning_rate=config.training.learning_rate * loop.lr_decay_per_cycle ** (cycle - 1) * 0.5 ** (last - start),
        temperature=_on_the_way(own.generation.temperature, loop.final_temperature, cycle, loop.num_cycles),
        threshold=_on_the_way(own.raft.reward_threshold, loop.final_threshold, cycle, loop.num_cycles),
        easiest=cycle / loop.num_cycles if loop.curriculum == "easy_first" else 1.0,
        more_samples=_retries(report, config, split, cycle),
    )


def _on_the_way(first: float, last: float | None, cycle: int, cycles: int) -> float:
    if last is None or cycles == 1:
        return first
    return first + (last - first) * (cycle - 1) / (cycles - 1)


def _retries(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, int]:
    if config.raft.retry_unsolved == 1 or cycle == 1:
        return {}
    before = report.store.summaries(report.run_id, cycle=cycle - 1, purpose="train")
    more = config.of_cycle(cycle).raft.samples_per_prompt * config.raft.retry_unsolved
    return {t.task_id: more for t in tally(split.train, before) if t.scored and not t.passed}
