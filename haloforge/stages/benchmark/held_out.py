"""A cycle of a RAFT run as a result that can be compared: its held-out samples and verdicts are in the store."""

from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.errors import RunError
from haloforge.records import Problem, Run
from haloforge.stages.benchmark.compare import Result, rows_of
from haloforge.stages.benchmark.results import doubts_about, shares_of
from haloforge.stages.shared.reproducibility import fingerprint
from haloforge.stages.shared.scores import tally, untested_share
from haloforge.store import Store

PROTOCOL = "halo"
"""How RAFT asks a model."""
_CYCLE = "cycle:"
"""Before the run and the number of a cycle, where a result file could be named too."""


def held_out_result(store: Store, run: Run, cycle: int) -> Result:
    """The held-out samples of a cycle (0: the starting model) as `benchmark run` would report them, where they serve.

    Raises RunError where the cycle was not evaluated, ConfigError where the run is of an older version.
    """
    config = RaftConfig.parse(run.config)
    samples = list(store.summaries(run.id, cycle=cycle, purpose="eval"))
    problems = held_out_problems(store, run, {sample.task_id for sample in samples})
    if not problems:
        raise RunError(f"run {run.id} has no held-out samples of cycle {cycle}")
    shares, tallies = shares_of(samples), tally(problems, samples)
    return {
        "protocol": PROTOCOL,
        "run": run.id,
        "purpose": "eval",
        "cycle": cycle,
        "dataset": {
            "name": f"held-out problems of {run.name or run.id}",
            "file": f"held-out problems of {run.id}",
            "sha256": fingerprint(problems),
            "problems": len(problems),
        },
        "model": {"name": f"{run.name or run.id}, " + (f"cycle {cycle}" if cycle else "the starting model")},
        "decoding": {
            "samples": config.evaluation.samples_per_prompt,
            **config.generation.model_dump(include={"max_new_tokens", "temperature", "top_p"}),
            "seed": config.seed,
        },
        "verifier": config.verifier.model_dump(mode="json"),
        "environment": {
            "isolation": sorted({s.verdict.isolation for s in samples if s.verdict and s.verdict.isolation})
        },
        "pass_at_k": {},
        "untested_share": untested_share(problems, config.verifier),
        "coverage": {"problems": len(tallies), "scored": sum(t.scored > 0 for t in tallies)},
        "extraction_failures": shares["no_code"],
        "truncations": shares["truncated"],
        "unscored": shares["unscored"],
        "doubts": doubts_about(shares),
        "problems": rows_of(tallies),
        "tokens": {
            "prompt": sum(s.prompt_tokens for s in samples),
            "completion": sum(s.completion_tokens for s in samples),
        },
    }


def held_out_problems(store: Store, run: Run, asked: set[str]) -> list[Problem]:
    """The held-out problems of a RAFT run that are among these task ids, in their order."""
    return [problem for problem in store.problems(run.id, held_out=True) if problem.task_id in asked]


def checkpoint_of(run: Run, cycle: int) -> str:
    """The model of a cycle: what the run started from, or the folder that the cycle left; a folder is absolute."""
    config = RaftConfig.parse(run.config)
    name = f"{config.output_dir}/cycle_{cycle}/final_model" if cycle else config.sft_checkpoint
    folder = Path(run.cwd, name)
    return str(folder) if cycle or folder.is_dir() else name


def cycle_key(run_id: str, cycle: int) -> str:
    """How a cycle of a RAFT run is named where a result file could be named too; 0 is the model it started from."""
    return f"{_CYCLE}{run_id}:{cycle}"


def cycle_of(key: str) -> tuple[str, int] | None:
    """The run and the number in the name of a cycle; None for the name of something else."""
    run_id, _, cycle = key.removeprefix(_CYCLE).rpartition(":")
    return (run_id, int(cycle)) if key.startswith(_CYCLE) and cycle.isdecimal() and len(cycle) < 10 else None
