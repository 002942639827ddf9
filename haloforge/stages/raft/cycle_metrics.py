"""The numbers of one cycle, for charts and tables: how training went, how the held-out problems went, what it cost."""

from collections.abc import Sequence

from haloforge.config import RaftConfig
from haloforge.records import Purpose
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.stages.raft.health import signal
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.sampling import sampling_seconds
from haloforge.stages.shared.scores import count_distinct, pass_at, sample_metrics, tally
from haloforge.statistics import Estimate
from haloforge.store import Report, SampleSummary

Values = dict[str, float | None]


def cycle_metrics(report: Report, config: RaftConfig, split: Split, cycle: int) -> Values:
    """Everything measured in a cycle; empty where it sampled nothing.

    What samples look like is told of the held-out ones, which every cycle has and none is trained on; where nothing
    is held out, of the training samples. `seconds_verify` is CPU time over all workers, mostly spent while sampling.
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
) -> dict[str, float]:
    store, run_id, problems = report.store, report.run_id, {p.task_id: p for p in [*split.train, *split.held_out]}
    passing = store.programs(run_id, cycle=cycle, purpose=purpose, status="passed")
    nats = store.nats(run_id, cycle=cycle, purpose=purpose)
    return sample_metrics(samples, count_distinct(passing, problems), nats)


def _training(report: Report, config: RaftConfig, split: Split, cycle: int, samples: Sequence[SampleSummary]) -> Values:
    scored = [s.verdict for s in samples if s.verdict and s.verdict.status != "unscored"]
    kept, count = sum(bool(s.kept) for s in samples), max(1, len(scored))
    trained = report.store.phase(report.run_id, cycle, "train")
    seconds_train = trained["data"].get("seconds", 0.0) if trained else 0.0
    seconds_sample = sampling_seconds(report, cycle, "train")
    return {
        "train_pass_rate": sum(v.passed for v in scored) / count,
        "train_mean_reward": sum(v.reward for v in scored) / count,
        "mixed_share": signal([t for t in tally(split.train, samples) if t.scored])["mixed"],
        "kept": kept,
        "kept_share": kept / len(samples),
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
    one, wide = pass_at(tallies, 1, seed=config.seed), pass_at(tallies, k, seed=config.seed)
    return {
        "eval_pass@1": one.value if one else None,
        "eval_low": one.low if one else None,
        "eval_high": one.high if one else None,
        **_wide(f"eval_pass@{k}", wide if k > 1 else None),
        "seconds_eval": sampling_seconds(report, cycle, "eval"),
    }


def _wide(name: str, estimate: Estimate | None) -> Values:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high} if estimate else {}


def _speed(report: Report, cycle: int, samples: Sequence[SampleSummary]) -> float | None:
    """Sampled tokens, up to and with the end token, per second of sampling."""
    seconds = sampling_seconds(report, cycle, "train") + sampling_seconds(report, cycle, "eval")
    return sum(s.completion_tokens for s in samples) / seconds if seconds else None
