"""The dry run of RAFT: what a run would do, and everything that would stop it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.models import refuse_4bit_without_support
from haloforge.stages.raft.cycles import refuse_taken_output
from haloforge.stages.raft.experiments import configs_of
from haloforge.stages.raft.replay import check_replay_file
from haloforge.stages.raft.splits import read_split
from haloforge.stages.shared.dry_run import detects_line, model_line, problems_text, time_line
from haloforge.stages.shared.judging import check_cycles, default_language
from haloforge.stages.shared.provenance import caution
from haloforge.verify import open_verifier


def check_output(config: RaftConfig) -> None:
    """Raises ConfigError when another run's cycles are where this one's would be."""
    for one in configs_of(config):
        refuse_taken_output(one, "")


def plan(config: RaftConfig) -> list[str]:
    """What a RAFT run would do. Raises ForgeError for what would stop it."""
    if config.lora.load_in_4bit:
        refuse_4bit_without_support()
    configs = configs_of(config)
    check_output(config)
    check_replay_file(config)
    split = read_split(config.prompts, config.evaluation, config.seed, default_language(config.verifier))
    with open_verifier(config.verifier) as verifier:
        verifier.check([*split.train, *split.held_out])
    check_cycles(config, split.train)
    loop, train, held_out = config.raft, split.train, split.held_out
    own = [config.of_cycle(cycle).raft.samples_per_prompt for cycle in range(1, loop.num_cycles + 1)]
    sampled, judged = [len(train) * n for n in own], len(held_out) * config.evaluation.samples_per_prompt
    total = sum(sampled) + (loop.num_cycles + 1) * judged
    left_out = f"; {split.left_out} left out, as their families are held out" if split.left_out else ""
    return [
        model_line(config.sft_checkpoint),
        f"problems  {problems_text(train)} to train on{left_out}",
        *([f"caution   {warning}"] if (warning := caution(train)) else []),
        f"held out  {problems_text(held_out)}" if held_out else "held out  nothing, so no cycle can be judged",
        *([detects_line(held_out, config.evaluation.samples_per_prompt)] if held_out else []),
        f"cycles    {loop.num_cycles}, each samples {' or '.join(map(str, dict.fromkeys(sampled)))} completions, keeps "
        f"at most {loop.max_per_prompt * len(train)} and tries the held-out problems with {judged}",
        *(f"cycle {n:<3} {_entry_text(entry)}" for n, entry in enumerate(config.cycles, start=1) if entry),
        f"output    {Path(config.output_dir, 'cycle_1 to')} cycle_{loop.num_cycles}, the best named in best.json",
        *([f"seeds     all of this {len(configs)} times, into folders seed_N of the output"] if config.seeds else []),
        time_line(config.sft_checkpoint, total * len(configs), config.generation.max_new_tokens),
    ]


def _entry_text(entry: Mapping[str, Any]) -> str:
    """What a cycle does otherwise."""
    return ", ".join(f"{name} {value}" for name, value in entry.items())
