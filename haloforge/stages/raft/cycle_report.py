"""What is said of a cycle at its end: its numbers for charts and tables, what it gained and lost, and alarms."""

from collections.abc import Sequence
from typing import Any

from haloforge.config import RaftConfig
from haloforge.records import Purpose
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.stages.raft.evaluation import best_of, change_text, claim_text, evaluations, gained_and_lost
from haloforge.stages.raft.health import raise_alarms, solve_shares
from haloforge.stages.raft.hollowing import kept_length_ratio, one_answer_share, substance_metrics
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.phases import recorded
from haloforge.stages.shared.sampling import sampling_seconds
from haloforge.stages.shared.scores import count_distinct, digests_of, pass_at, sample_metrics, tally, untested_share
from haloforge.statistics import Estimate
from haloforge.store import Report, SampleSummary

Values = dict[str, float | None]


def report_cycle(report: Report, config: RaftConfig, split: Split, cycle: int) -> dict[str, Any]:
    """Emit the metrics of a cycle and log what it changed.

    Returns how many evaluated cycles came after the best, and which held-out problems were gained and lost in all.
    """
    values = cycle_metrics(report, config, split, cycle)
    if values:
        report.metric("cycle", cycle, values)
        verdicts = report.store.verdicts(report.run_id, cycle=cycle)
        if config.verifier.accept_forgeable:  # a pass of a test program is no attempt to cheat by itself
            verdicts = (verdict for verdict in verdicts if not (verdict.passed and verdict.forgeable))
        raise_alarms(report, config.of_cycle(cycle), cycle, verdicts, _first_with_verifier_of(config, cycle))
    evaluated = evaluations(report, split.held_out, cycle, config)
    if not evaluated:
        return {"cycles_since_best": 0, "gained": [], "lost": []}
    base, last = evaluated[0], evaluated[-1]
    gained, lost = gained_and_lost(last, base)
    if last.cycle == cycle:
        for line in (claim_text(last, base), change_text(evaluated, config), _problems_text(gained, lost)):
            if line:
                report.log(line)
    since_best = sum(evaluation.cycle > best_of(evaluated).cycle for evaluation in evaluated)
    return {"cycles_since_best": since_best, "gained": gained, "lost": lost}


def cycle_metrics(report: Report, config: RaftConfig, split: Split, cycle: int) -> Values:
    """Everything measured in a cycle; empty where it sampled nothing.

    What samples look like is measured on the held-out ones, which every cycle has and none is trained on; where
    nothing is held out, on the training samples. `seconds_verify` is CPU time over all workers, mostly spent while
    sampling.
    """
    train = list(report.store.summaries(report.run_id, cycle=cycle, purpose="train"))
    held_out = list(report.store.summaries(report.run_id, cycle=cycle, purpose="eval"))
    if not train and not held_out:
        return {}
    return {
        **(_training(report, config, split, cycle, train) if train else {}),
        **(_evaluation(report, config, split, cycle, held_out) if held_out else {}),
        **_sample_metrics(report, split, cycle, "eval" if held_out else "train", held_out or train),
        "useful_tokens_per_s": _speed(report, cycle, [*held_out, *train]),
    }


def _sample_metrics(
    report: Report, split: Split, cycle: int, purpose: Purpose, samples: Sequence[SampleSummary]
) -> Values:
    store, run_id, problems = report.store, report.run_id, {p.task_id: p for p in [*split.train, *split.held_out]}
    nats = store.nats(run_id, cycle=cycle, purpose=purpose)
    passing = digests_of(store.programs(run_id, cycle=cycle, purpose=purpose, status="passed"), problems)
    return {
        **sample_metrics(samples, count_distinct(passing), nats),
        **substance_metrics(store.programs(run_id, cycle=cycle, purpose=purpose), problems),
        "one_answer_share": one_answer_share(passing, problems),
    }


def _training(report: Report, config: RaftConfig, split: Split, cycle: int, samples: Sequence[SampleSummary]) -> Values:
    scored = [s.verdict for s in samples if s.verdict and s.verdict.status != "unscored"]
    kept, count = sum(bool(s.kept) for s in samples), max(1, len(scored))
    training = recorded(report.store, report.run_id, cycle, "train")
    seconds_train = training.cost.seconds if training else 0.0
    seconds_sample = sampling_seconds(report, cycle, "train")
    return {
        "train_pass_rate": sum(v.passed for v in scored) / count,
        "train_mean_reward": sum(v.reward for v in scored) / count,
        "mixed_share": solve_shares([t for t in tally(split.train, samples) if t.scored])["mixed"],
        "kept": kept,
        "kept_share": kept / len(samples),
        "kept_length_ratio": kept_length_ratio((s, bool(s.kept)) for s in samples),
        "learning_rate": plan_cycle(report, config, split, cycle).learning_rate,
        "seconds_sample": seconds_sample,
        "seconds_verify": sum(v.cpu_s for v in scored),
        "seconds_train": seconds_train,
        "seconds_per_kept": (seconds_sample + seconds_train) / kept if kept else None,
    }


def _evaluation(
    report: Report, config: RaftConfig, split: Split, cycle: int, samples: Sequence[SampleSummary]
) -> Values:
    tallies, k = tally(split.held_out, samples), config.evaluation.samples_per_prompt
    at_1, at_k = pass_at(tallies, 1, seed=config.seed), pass_at(tallies, k, seed=config.seed)
    return {
        "untested_share": untested_share(split.held_out, config.verifier),
        "eval_pass@1": at_1.value if at_1 else None,
        "eval_low": at_1.low if at_1 else None,
        "eval_high": at_1.high if at_1 else None,
        **_with_interval(f"eval_pass@{k}", at_k if k > 1 else None),
        "seconds_eval": sampling_seconds(report, cycle, "eval"),
    }


def _with_interval(name: str, estimate: Estimate | None) -> Values:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high} if estimate else {}


def _speed(report: Report, cycle: int, samples: Sequence[SampleSummary]) -> float | None:
    """Sampled tokens, up to and with the end token, per second of sampling."""
    seconds = sampling_seconds(report, cycle, "train") + sampling_seconds(report, cycle, "eval")
    return sum(s.completion_tokens for s in samples) / seconds if seconds else None


def _first_with_verifier_of(config: RaftConfig, cycle: int) -> int:
    """The first cycle whose training samples had the same verifier as those of this one."""
    verifier = config.of_cycle(cycle).verifier
    return next((c for c in range(1, cycle) if config.of_cycle(c).verifier == verifier), cycle)


def _problems_text(gained: Sequence[str], lost: Sequence[str]) -> str:
    parts = [
        f"{word} {len(names)}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        for word, names in (("gained", gained), ("lost", lost))
        if names
    ]
    return f"held-out problems {'; '.join(parts)}" if parts else ""
