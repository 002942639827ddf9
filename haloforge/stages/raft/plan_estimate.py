"""What a RAFT run will take: the memory of its phases, and their seconds, cycle by cycle."""

from collections.abc import Sequence

from haloforge.config import RaftConfig
from haloforge.estimates import Adapting, Need, PhaseTime
from haloforge.markup.numbers import percent
from haloforge.stages.raft.selection import most_kept
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.forecast import Plan
from haloforge.stages.shared.memory import Room, row_span
from haloforge.stages.shared.pace import Pace


def plan_of(config: RaftConfig, split: Split, model: str) -> Plan:
    """The plan for the estimates of one run, with one seed."""
    return Plan(
        model,
        lambda room: _needs(config, split, room),
        lambda pace: _times(config, split, pace),
        adapting=Adapting(config.training, config.lora),
        in_4bit=config.lora.load_in_4bit or config.generation.load_in_4bit,
        served=config.generation.backend == "vllm",
    )


def most_of_a_problem(config: RaftConfig, cycle: int) -> int:
    """Samples of one problem that the cycle keeps where all are good and distinct; from the second on it may retry."""
    loop = config.of_cycle(cycle).raft
    return most_kept(loop.samples_per_prompt * (loop.retry_unsolved if cycle > 1 else 1), loop)


def _needs(config: RaftConfig, split: Split, room: Room) -> list[Need]:
    """What sampling, where it is done here, and training need at their peaks."""
    sampling, problems = config.generation, [*split.train, *split.held_out]
    span = row_span(problems, sampling.max_new_tokens)
    rows = max(len(split.train) * config.raft.samples_per_prompt, 1)
    training = room.training(config.training, config.lora, span)
    if sampling.backend == "vllm":
        return [training]
    return [room.sampling(span, rows, sampling.cache_memory, in_4bit=sampling.load_in_4bit), training]


def _times(config: RaftConfig, split: Split, pace: Pace) -> list[PhaseTime]:
    phases = []
    if split.held_out:
        n = config.evaluation.samples_per_prompt
        tried = pace.sampled(split.held_out, n, config.generation, config.verifier, loads=True)
        evaluation = {"evaluation": tried["sampling"], "verification": tried["verification"]}
        phases.append(PhaseTime("evaluate", 0, evaluation))
    for cycle in range(1, config.raft.num_cycles + 1):
        settings = config.of_cycle(cycle)
        n = settings.raft.samples_per_prompt
        # the engine that evaluated the cycle before still holds the model
        sampled = pace.sampled(split.train, n, settings.generation, settings.verifier, loads=not split.held_out)
        phases += [
            PhaseTime("sample", cycle, sampled),
            PhaseTime("train", cycle, _training(config, split, pace, cycle)),
        ]
        if split.held_out:
            phases.append(PhaseTime("evaluate", cycle, evaluation))
    return phases


def _training(config: RaftConfig, split: Split, pace: Pace, cycle: int) -> dict[str, float]:
    kept = sum(_kept(config, split, pace, number) for number in _trained_on(config, cycle))
    kept = min(kept, len(split.train) * config.raft.max_per_prompt)
    failures = 2 if config.training.loss == "reinforce_rej" else 1  # as many failures as successes, at most
    replayed = 1 / (1 - config.training.replay_share) if config.training.replay_file else 1
    rows = pace.solved_rows(split.train, config.generation.max_new_tokens)
    return {"training": pace.trained(rows, round(kept * failures * replayed), config.training)}


def _trained_on(config: RaftConfig, cycle: int) -> Sequence[int]:
    """Cycles whose kept samples a cycle trains on."""
    return range(1, cycle + 1) if config.raft.start == "restart" else (cycle,)


def _kept(config: RaftConfig, split: Split, pace: Pace, cycle: int) -> float:
    """Samples that a cycle keeps: as large a share as in an earlier run, else half of what it may."""
    most = len(split.train) * most_of_a_problem(config, cycle)
    earlier = pace.earlier
    if earlier is None or earlier.kept_share is None:
        pace.assumed["half of what a cycle may keep is kept"] = None
        return most / 2
    pace.assumed[f"{percent(earlier.kept_share, 0)} of the samples kept, as in run {earlier.run}"] = None
    return min(most, earlier.kept_share * len(split.train) * config.of_cycle(cycle).raft.samples_per_prompt)
