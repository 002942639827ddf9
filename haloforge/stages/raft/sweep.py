"""The best adapter at part of its strength: pass@1 may stay while lost variety comes back (WiSE-FT, arXiv:2109.01903).

With LoRA it needs no training: only a factor of the adapter changes. Its samples are stored with the purpose
`benchmark` and the strength in percent as their cycle.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.errors import ModelError
from haloforge.files import read_text, write_text
from haloforge.models import building, checkpoint_in, read_metadata
from haloforge.records import Problem
from haloforge.stages.raft.cycles import checkpoint
from haloforge.stages.raft.evaluation import Evaluation, best_of
from haloforge.stages.shared.sampling import Work, plan_work
from haloforge.stages.shared.scores import pass_at, score_name, tally, untested_share
from haloforge.store import Report

STRENGTHS = (50, 75)
"""Percent of the full adapter."""

_CONFIG = "adapter_config.json"


def sweep(
    report: Report,
    config: RaftConfig,
    problems: Sequence[Problem],
    evaluated: Sequence[Evaluation],
    sample_from: Callable[[str, Work], None],
) -> None:
    """Try the best trained cycle's adapter at each strength on the held-out problems, and log its scores.

    `sample_from` samples and verifies the work with the model in a folder.
    """
    trained = [evaluation for evaluation in evaluated if evaluation.cycle]
    if not trained:
        return
    winner, n = best_of(trained), config.evaluation.samples_per_prompt
    full, untested = Path(checkpoint(config, winner.cycle)), untested_share(problems, config.verifier)
    if json.loads(read_text(full / _CONFIG)).get("use_dora"):
        report.log("raft.sweep is left out: the run started from a DoRA adapter, whose strength is not one factor")
        return
    for percent in STRENGTHS:
        folder = full.with_name(f"strength_{percent}")
        scale_adapter(full, percent / 100, folder)
        work = plan_work(problems, n, config.generation, cycle=percent, purpose="benchmark", seed=config.seed)
        sample_from(str(folder), work)
        tallies = tally(problems, report.store.summaries(report.run_id, cycle=percent, purpose="benchmark"))
        at_1, at_n = pass_at(tallies, 1, seed=config.seed), pass_at(tallies, n, seed=config.seed)
        if at_1 and at_n:
            report.metric(
                "strength", percent, {"pass@1": at_1.value, f"pass@{n}": at_n.value, "untested_share": untested}
            )
            report.artifact(f"strength {percent} %", folder, cycle=winner.cycle)
            report.log(
                f"cycle {winner.cycle} at {percent} % of its strength: held-out {winner.score_name} {at_1} "
                f"against {winner.score} at full strength, {score_name(untested, n)} {at_n}"
            )


def scale_adapter(adapter: Path, share: float, target: Path) -> None:
    """Copy an adapter so that it changes its base `share` times as much. A copy of the same adapter there stays.

    Raises ModelError for a full model, which has no strength to scale.
    """
    if not checkpoint_in(adapter).is_adapter:
        raise ModelError(f"{adapter} is a full model, so there is no adapter to scale")
    metadata = read_metadata(adapter)
    if target.is_dir() and read_metadata(target) == metadata:
        return
    shutil.rmtree(target, ignore_errors=True)
    with building(target) as partial:
        shutil.copytree(adapter, partial, dirs_exist_ok=True)
        settings = json.loads(read_text(partial / _CONFIG))
        write_text(partial / _CONFIG, json.dumps(settings | {"lora_alpha": settings["lora_alpha"] * share}, indent=2))
