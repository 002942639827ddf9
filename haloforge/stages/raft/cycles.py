"""Where a run's cycles leave their models, and which cycle is the best of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError
from haloforge.files import write_text
from haloforge.models import FINAL_MODEL, Metadata, resolve, write_metadata
from haloforge.stages.raft.cycle_plan import last_trained, trained, untrained
from haloforge.stages.raft.evaluation import Evaluation, best_of, claim_text, evaluations
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.scores import COMPILE_RATE, untested_share
from haloforge.store import Report
from haloforge.train import refuse_taken

BEST_FILE = "best.json"


def checkpoint(config: RaftConfig, cycle: int) -> str:
    """The model that a cycle ended with; cycle 0 is the one that the run started from."""
    return str(Path(config.output_dir, f"cycle_{cycle}", FINAL_MODEL)) if cycle else config.sft_checkpoint


def name_of_model(config: RaftConfig, model: str) -> str:
    """What a server calls a model of the run: cycle-2, cycle-2-strength-50; the starting model is cycle-0."""
    folder = Path(model)
    if model == config.sft_checkpoint:
        return "cycle-0"
    parts = [folder.parent.name, *([folder.name] if folder.name != FINAL_MODEL else [])]
    return "-".join(parts).replace("_", "-")


def refuse_taken_output(config: RaftConfig, run_id: str) -> None:
    """Raises ConfigError when the output folder holds cycles of another run, or the very model to start from."""
    output = Path(config.output_dir)
    if Path(config.sft_checkpoint).resolve().is_relative_to(output.resolve()):
        raise ConfigError(
            f"the starting model {config.sft_checkpoint} lies in the output folder {output}, where new cycles would "
            "replace it; give another --output"
        )
    for folder in sorted(output.glob(f"cycle_*/{FINAL_MODEL}")):
        refuse_taken(folder, run_id, overwrite=config.overwrite)


def name_best_cycle(report: Report, config: RaftConfig, split: Split) -> None:
    """Name the best cycle, in OUTPUT/best.json, in the events, and in the metadata that makes OUTPUT itself a model."""
    last = last_trained(report)
    evaluated = evaluations(report, split.held_out, last, config)
    cycle = best_of(evaluated).cycle if evaluated else last
    path, claim = checkpoint(config, cycle), _claim(evaluated)
    content = {"run": report.run_id, "cycle": cycle, "path": path, **_cycles_run(report, config), **claim}
    write_text(Path(config.output_dir, BEST_FILE), json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    _make_output_a_model(report, config, evaluated, last)
    report.artifact("best", path, cycle=cycle)
    if evaluated:
        scores = {"pass@1": best_of(evaluated).score.value, "base_pass@1": evaluated[0].score.value}
        report.metric("best", cycle, {**scores, "untested_share": untested_share(split.held_out, config.verifier)})
    named = _best_text(cycle, evaluated)
    report.log(_conclusion(named, claim["sentence"], trained(report), untrained(report)))


def _cycles_run(report: Report, config: RaftConfig) -> dict[str, Any]:
    """What best.json says about how far the run went. An untrained cycle leaves no folder."""
    return {
        "planned_cycles": config.raft.num_cycles,
        "trained_cycles": trained(report),
        "untrained_cycles": untrained(report),
        "accepts_forgeable": config.verifier.accept_forgeable,
    }


def _best_text(cycle: int, evaluated: Sequence[Evaluation]) -> str:
    """A program that compiles more often makes no model better, so of a compile rate nothing of the kind is said."""
    if evaluated and evaluated[0].score_name == COMPILE_RATE:
        return f"cycle {cycle} has the highest {COMPILE_RATE}" if cycle else f"no cycle has a higher {COMPILE_RATE}"
    return f"best is cycle {cycle}" if cycle else "no cycle is better"


def _conclusion(best: str, claim: str, done: Sequence[int], without: Sequence[int]) -> str:
    """The last line of a run: nobody should look in vain for the model of a cycle that trained nothing."""
    names = ", ".join(map(str, without))
    cycles, folders = ("cycle", f"no cycle_{names}") if len(without) == 1 else ("cycles", "no models of them")
    gap = f"{cycles} {names} kept too little to train on, so there is {folders}" if without else ""
    if not done:
        return f"nothing was trained: {gap}; {claim}" if gap else f"nothing was trained; {claim}"
    named = f"{best}; {claim}"
    return f"{named}; {gap}" if gap else named


def _make_output_a_model(report: Report, config: RaftConfig, evaluated: Sequence[Evaluation], last: int) -> None:
    """The output folder stands for its best trained cycle, even where the starting model is better still."""
    candidates = [evaluation for evaluation in evaluated if evaluation.cycle]
    cycle = best_of(candidates).cycle if candidates else last
    start = resolve(config.sft_checkpoint)
    about = Metadata(
        base_model=start.base_model,
        parent=config.sft_checkpoint,
        run=report.run_id,
        stage="raft",
        best=f"cycle_{cycle}/{FINAL_MODEL}" if cycle else "",
        base_revision=start.base_revision,
    )
    write_metadata(config.output_dir, about)


def _claim(evaluated: Sequence[Evaluation]) -> dict[str, Any]:
    """What best.json says about the best cycle."""
    if not evaluated:
        return {"verdict": None, "sentence": "nothing was held out to judge by"}
    winner, base = best_of(evaluated), evaluated[0]
    gain, key = winner.gain, "compile_rate" if base.score_name == COMPILE_RATE else "pass@1"
    return {
        "score_name": base.score_name,
        key: asdict(winner.score),
        f"base_{key}": asdict(base.score),
        "gain": asdict(gain.difference) if gain else None,
        "p_value": gain.p_value if gain else None,
        "smallest_detectable_gain": gain.detectable if gain else None,
        "verdict": gain.verdict if gain else "no detectable change",
        "sentence": claim_text(winner, base),
        "chosen_on": "the held-out problems themselves; only other problems can confirm how large the gain is",
    }
