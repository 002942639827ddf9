"""What a cycle leaves behind: its checkpoint, its numbers, and what can be claimed of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError
from haloforge.files import write_text
from haloforge.models.checkpoints import FINAL_MODEL, Metadata, resolve, write_metadata
from haloforge.stages.curriculum import last_trained, plan_cycle
from haloforge.stages.health import raise_alarms, signal
from haloforge.stages.sampling import sampling_seconds
from haloforge.stages.scores import pass_at, sample_metrics, tally
from haloforge.stages.splits import Split
from haloforge.stages.standings import Standing, best, sentence, standings
from haloforge.store import Judged, Report
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


def report_cycle(report: Report, config: RaftConfig, split: Split, cycle: int) -> None:
    """Emit the metrics of a cycle and say what it brought."""
    values = {**_training_metrics(report, config, split, cycle), **_evaluation_metrics(report, config, split, cycle)}
    if not values:
        return
    report.metric("cycle", cycle, values)
    raise_alarms(report, cycle, report.store.samples(report.run_id, cycle=cycle))
    found = standings(report, split.held_out, cycle, config.seed)
    if found and found[-1].cycle == cycle:
        report.log(sentence(found[-1], found[0]))


def cycles_since_best(report: Report, config: RaftConfig, split: Split, cycle: int) -> int:
    """How many cycles up to this one brought no better held-out pass@1."""
    found = standings(report, split.held_out, cycle, config.seed)
    return cycle - best(found).cycle if found else 0


def conclude(report: Report, config: RaftConfig, split: Split) -> None:
    """Name the best cycle, in OUTPUT/best.json, in the events, and in the metadata that makes OUTPUT itself a model."""
    last = last_trained(report)
    found = standings(report, split.held_out, last, config.seed)
    winner = best(found) if found else None
    cycle = winner.cycle if winner else last
    content: dict[str, Any] = {"run": report.run_id, "cycle": cycle, "path": checkpoint(config, cycle)}
    content |= _claim(winner, found[0]) if winner else {"verdict": None, "sentence": "nothing was held out to judge by"}
    output = Path(config.output_dir)
    write_text(output / BEST_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    trained = max((s for s in found if s.cycle), key=lambda s: (s.score.value, -s.cycle), default=None)
    use = trained.cycle if trained else last
    base = resolve(config.sft_checkpoint).base_model
    name = f"cycle_{use}/{FINAL_MODEL}" if use else ""
    write_metadata(output, Metadata(base, config.sft_checkpoint, report.run_id, "raft", best=name))
    report.artifact("best", content["path"], cycle=cycle)
    if winner and winner.gain:
        gain = winner.gain
        report.metric("best", cycle, {**asdict(gain.difference), "method": None, "p_value": gain.p_value})
    report.log(
        f"best is cycle {cycle}; {content['sentence']}" if cycle else f"no cycle is better; {content['sentence']}"
    )


def _claim(winner: Standing, base: Standing) -> dict[str, Any]:
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


def _training_metrics(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, float | None]:
    samples = report.store.samples(report.run_id, cycle=cycle, purpose="train")
    scored = [s.verdict for s in samples if s.verdict and s.verdict.status != "unscored"]
    if not scored:
        return {}
    kept = sum(bool(s.kept) for s in samples)
    phase = report.store.phase(report.run_id, cycle, "train")
    return {
        "train_pass_rate": sum(v.passed for v in scored) / len(scored),
        "train_mean_reward": sum(v.reward for v in scored) / len(scored),
        "mixed_share": signal([t for t in tally(split.train, samples) if t.scored])["mixed"],
        "kept": kept,
        "kept_share": kept / len(samples),
        "learning_rate": plan_cycle(report, config, split, cycle).learning_rate,
        "seconds_sample": sampling_seconds(report, cycle, "train"),
        "seconds_verify": sum(v.cpu_s for v in scored),
        "seconds_train": phase["data"].get("seconds") if phase else None,
    }


def _evaluation_metrics(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, float | None]:
    problems = {p.task_id: p for p in [*split.train, *split.held_out]}
    evaluated = report.store.samples(report.run_id, cycle=cycle, purpose="eval")
    trained_on = report.store.samples(report.run_id, cycle=cycle, purpose="train")
    if not evaluated and not trained_on:
        return {}
    values: dict[str, float | None] = {**sample_metrics(evaluated or trained_on, problems)}
    tallies = tally(split.held_out, evaluated)
    score, k = pass_at(tallies, 1, seed=config.seed), config.evaluation.samples_per_prompt
    if score:
        wide = pass_at(tallies, k, seed=config.seed)
        values |= {"eval_pass@1": score.value, "eval_low": score.low, "eval_high": score.high}
        values |= {f"eval_pass@{k}": wide.value if wide else None}
        values["seconds_eval"] = sampling_seconds(report, cycle, "eval")
    values["useful_tokens_per_s"] = _speed(report, cycle, [*evaluated, *trained_on])
    return values


def _speed(report: Report, cycle: int, samples: list[Judged]) -> float | None:
    """Sampled tokens, up to and with the end token, per second of sampling."""
    seconds = sampling_seconds(report, cycle, "train") + sampling_seconds(report, cycle, "eval")
    return sum(s.sample.completion_tokens for s in samples) / seconds if seconds else None
