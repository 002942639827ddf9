"""The dry run of RAFT: what a run would do, and everything that would stop it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.stages.raft.cycles import refuse_taken_output
from haloforge.stages.raft.experiments import configs_of
from haloforge.stages.raft.inputs import checked_split, training_warnings
from haloforge.stages.raft.plan_estimate import most_of_a_problem, plan_of
from haloforge.stages.shared.dry_run import detects_line, model_line, problems_text
from haloforge.stages.shared.engines import servers_line
from haloforge.stages.shared.forecast import memory_and_time


def check_output(config: RaftConfig) -> None:
    """Raises ConfigError when another run's cycles are where this one's would be."""
    for seed_config in configs_of(config):
        refuse_taken_output(seed_config, "")


def dry_run(config: RaftConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it."""
    split = checked_split(config)
    loop, train, held_out, seeds = config.raft, split.train, split.held_out, len(configs_of(config))
    cycles = range(1, loop.num_cycles + 1)
    sampled = [len(train) * config.of_cycle(cycle).raft.samples_per_prompt for cycle in cycles]
    kept = [len(train) * most_of_a_problem(config, cycle) for cycle in cycles]
    evaluated = len(held_out) * config.evaluation.samples_per_prompt
    memory, time = memory_and_time(plan_of(config, split, config.sft_checkpoint), measures=measures)
    left_out = f"; {split.left_out} left out, as their families are held out" if split.left_out else ""
    return [
        model_line(config.sft_checkpoint),
        f"problems  {problems_text(train)} to train on{left_out}",
        *(f"caution   {warning}" for warning in training_warnings(config, train)),
        f"held out  {problems_text(held_out)}" if held_out else "held out  nothing, so no cycle can be judged",
        *([detects_line(held_out, config.evaluation.samples_per_prompt, config.verifier)] if held_out else []),
        f"cycles    {loop.num_cycles}, each samples {_or(sampled)} completions, keeps at most "
        f"{_or(kept)} and tries the held-out problems with {evaluated}",
        *([_ends_line(loop.patience)] if loop.patience and held_out else []),
        *(f"cycle {n:<3} {_entry_text(entry)}" for n, entry in enumerate(config.cycles, start=1) if entry),
        f"output    {Path(config.output_dir, 'cycle_1 to')} cycle_{loop.num_cycles}, the best named in best.json",
        *([f"seeds     all of this {seeds} times, into folders seed_N of the output"] if config.seeds else []),
        *([servers_line(config.generation)] if config.generation.backend == "vllm" else []),
        f"memory    {memory}",
        f"time      {time}" + (f", {seeds} times" if config.seeds else ""),
    ]


def _ends_line(patience: int) -> str:
    return f"ends      early after {patience} {'cycle' if patience == 1 else 'cycles'} without a better held-out score"


def _or(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, dict.fromkeys(numbers)))


def _entry_text(entry: Mapping[str, Any]) -> str:
    """What a cycle's own entry in `cycles` changes."""
    return ", ".join(f"{name} {value}" for name, value in entry.items())
