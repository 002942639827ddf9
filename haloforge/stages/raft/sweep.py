"""The best adapter at part of its strength: pass@1 may stay and lost variety come back (WiSE-FT; free with LoRA).

Its samples are stored with the purpose `benchmark` and the strength in percent as their cycle.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.errors import ModelError
from haloforge.files import read_text, write_text
from haloforge.models.checkpoints import checkpoint_in, read_metadata
from haloforge.models.folders import building
from haloforge.records import Problem
from haloforge.stages.raft.cycles import checkpoint
from haloforge.stages.raft.evaluation import Standing, best
from haloforge.stages.shared.sampling import Work, plan_work
from haloforge.stages.shared.scores import pass_at, tally
from haloforge.store import Report

STRENGTHS = (50, 75)

_CONFIG = "adapter_config.json"


def sweep(
    report: Report,
    config: RaftConfig,
    problems: Sequence[Problem],
    found: Sequence[Standing],
    try_out: Callable[[Work, str], None],
) -> None:
    """Try the best trained cycle's adapter at each strength on the held-out problems, and say how it did.

    `try_out` samples the work from the checkpoint of that name.
    """
    trained = [standing for standing in found if standing.cycle]
    if not trained:
        return
    winner, n = best(trained), config.evaluation.samples_per_prompt
    full = Path(checkpoint(config, winner.cycle))
    for percent in STRENGTHS:
        folder = full.with_name(f"strength_{percent}")
        scale_adapter(full, percent / 100, folder)
        work = plan_work(problems, n, config.generation, cycle=percent, purpose="benchmark", seed=config.seed)
        try_out(work, str(folder))
        tallies = tally(problems, report.store.summaries(report.run_id, cycle=percent, purpose="benchmark"))
        one, wide = pass_at(tallies, 1, seed=config.seed), pass_at(tallies, n, seed=config.seed)
        if one and wide:
            report.metric("strength", percent, {"pass@1": one.value, f"pass@{n}": wide.value})
            report.artifact(f"strength {percent} %", folder, cycle=winner.cycle)
            report.log(
                f"cycle {winner.cycle} at {percent} % of its strength: held-out pass@1 {one} against {winner.score} at "
                f"full strength, pass@{n} {wide}"
            )


def scale_adapter(adapter: Path, share: float, target: Path) -> None:
    """Copy an adapter so that it changes its base `share` times as much. What stands there from this run stays.

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
