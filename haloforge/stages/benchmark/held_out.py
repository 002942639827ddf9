"""A cycle of a RAFT run as a result that can be compared: its held-out samples and verdicts are in the store."""

from haloforge.config import RaftConfig
from haloforge.errors import RunError
from haloforge.records import Run
from haloforge.stages.benchmark.compare import Result, rows_of
from haloforge.stages.benchmark.results import doubts_about, shares_of
from haloforge.stages.shared.reproducibility import fingerprint
from haloforge.stages.shared.scores import tally, untested_share
from haloforge.store import Store


def held_out_result(store: Store, run: Run, cycle: int) -> Result:
    """The held-out samples of a cycle (0: the starting model) as `benchmark run` would report them, where they serve.

    Raises RunError where the cycle was not evaluated, ConfigError where the run is of an older version.
    """
    config = RaftConfig.parse(run.config)
    samples = list(store.summaries(run.id, cycle=cycle, purpose="eval"))
    asked = {sample.task_id for sample in samples}
    problems = [problem for problem in store.problems(run.id, held_out=True) if problem.task_id in asked]
    if not problems:
        raise RunError(f"run {run.id} has no held-out samples of cycle {cycle}")
    shares, sampling = shares_of(samples), config.generation
    return {
        "protocol": f"held out, {sampling.max_new_tokens} tokens at temperature {sampling.temperature}",
        "run": run.id,
        "purpose": "eval",
        "cycle": cycle,
        "dataset": {"file": f"held-out problems of {run.id}", "sha256": fingerprint(problems)},
        "model": {"name": f"{run.name or run.id}, " + (f"cycle {cycle}" if cycle else "the starting model")},
        "pass_at_k": {},
        "untested_share": untested_share(problems, config.verifier),
        "doubts": doubts_about(shares),
        "problems": rows_of(tally(problems, samples)),
    }
