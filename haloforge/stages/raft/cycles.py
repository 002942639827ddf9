"""What a cycle leaves behind: its checkpoint, its numbers, what can be claimed of it; in the end the best of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError
from haloforge.files import write_text
from haloforge.models.checkpoints import FINAL_MODEL, Metadata, resolve, write_metadata
from haloforge.stages.raft.cycle_metrics import cycle_metrics
from haloforge.stages.raft.cycle_plan import last_trained
from haloforge.stages.raft.evaluation import Standing, against_best, best, changes, sentence, standings
from haloforge.stages.raft.health import raise_alarms
from haloforge.stages.raft.splits import Split
from haloforge.store import Report
from haloforge.train.checkpoints import refuse_taken

BEST_FILE = "best.json"


def checkpoint(config: RaftConfig, cycle: int) -> str:
    """The model that a cycle ended with; cycle 0 is the one that the run started from."""
    return str(Path(config.output_dir, f"cycle_{cycle}", FINAL_MODEL)) if cycle else config.sft_checkpoint


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


def report_cycle(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, Any]:
    """Emit the metrics of a cycle and say what it brought.

    Returns how many cycles ago the best was, and which held-out problems were gained and lost since the start.
    """
    values = cycle_metrics(report, config, split, cycle)
    if values:
        report.metric("cycle", cycle, values)
        raise_alarms(
            report, cycle, report.store.verdicts(report.run_id, cycle=cycle), _judged_alike_since(config, cycle)
        )
    found = standings(report, split.held_out, cycle, config.seed)
    if not found:
        return {"cycles_since_best": 0, "gained": [], "lost": []}
    gained, lost = changes(found[-1], found[0])
    if found[-1].cycle == cycle:
        for line in (sentence(found[-1], found[0]), against_best(found, config.seed), _named(gained, lost)):
            if line:
                report.log(line)
    return {"cycles_since_best": cycle - best(found).cycle, "gained": gained, "lost": lost}


def _judged_alike_since(config: RaftConfig, cycle: int) -> int:
    """The first cycle whose training samples had the same verifier as this one's."""
    now = config.of_cycle(cycle).verifier
    return next((c for c in range(1, cycle) if config.of_cycle(c).verifier == now), cycle)


def conclude(report: Report, config: RaftConfig, split: Split) -> None:
    """Name the best cycle, in OUTPUT/best.json, in the events, and in the metadata that makes OUTPUT itself a model."""
    last = last_trained(report)
    found = standings(report, split.held_out, last, config.seed)
    cycle = best(found).cycle if found else last
    path, claim = checkpoint(config, cycle), _claim(found)
    content = {"run": report.run_id, "cycle": cycle, "path": path, **claim}
    write_text(Path(config.output_dir, BEST_FILE), json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    _make_output_a_model(report, config, found, last)
    report.artifact("best", path, cycle=cycle)
    if found:
        report.metric("best", cycle, {"pass@1": best(found).score.value, "base_pass@1": found[0].score.value})
    report.log(f"best is cycle {cycle}; {claim['sentence']}" if cycle else f"no cycle is better; {claim['sentence']}")


def _make_output_a_model(report: Report, config: RaftConfig, found: Sequence[Standing], last: int) -> None:
    """The output folder stands for its best trained cycle, even where the starting model is better still."""
    trained = [standing for standing in found if standing.cycle]
    use = best(trained).cycle if trained else last
    base, start = resolve(config.sft_checkpoint).base_model, config.sft_checkpoint
    chosen = f"cycle_{use}/{FINAL_MODEL}" if use else ""
    write_metadata(config.output_dir, Metadata(base, start, report.run_id, "raft", best=chosen))


def _claim(found: Sequence[Standing]) -> dict[str, Any]:
    if not found:
        return {"verdict": None, "sentence": "nothing was held out to judge by"}
    winner, base = best(found), found[0]
    gain = winner.gain
    return {
        "pass@1": asdict(winner.score),
        "base_pass@1": asdict(base.score),
        "gain": asdict(gain.difference) if gain else None,
        "p_value": gain.p_value if gain else None,
        "smallest_detectable_gain": gain.detectable if gain else None,
        "verdict": gain.verdict if gain else "no detectable change",
        "sentence": sentence(winner, base),
        "chosen_on": "the held-out problems themselves; only other problems can confirm how large the gain is",
    }


def _named(gained: Sequence[str], lost: Sequence[str]) -> str:
    parts = [
        f"{word} {len(names)}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        for word, names in (("gained", gained), ("lost", lost))
        if names
    ]
    return f"held-out problems {'; '.join(parts)}" if parts else ""
