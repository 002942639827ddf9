"""`data generate`: a model answers prompts or solves problems; its answers become rows that SFT reads.

Rows are appended as they come, so an interrupted run goes on where it was. A request that a server failed to answer
leaves no row, and the next run repeats it. With `verify` only answers that pass are written; see `verified`.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from haloforge.config import GenerateConfig
from haloforge.errors import BackendError, DataError, Stopped
from haloforge.files import append_jsonl, read_jsonl, sha256_of
from haloforge.generate import SampleRequest
from haloforge.problems import Manifest, manifest_path, write_manifest
from haloforge.records import Problem
from haloforge.stages.data import verified
from haloforge.stages.data.asking import answer_row, asked_text, engine_of, is_benchmark, read_prompts
from haloforge.stages.data.plan_estimate import estimate_lines, watched_answers
from haloforge.stages.shared.phases import Facts, measured
from haloforge.stages.shared.sampling import sampling_params
from haloforge.store import Report

Key = tuple[str, int]
"""Task id and index of an answer."""


def dry_run(config: GenerateConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it; asks no server and loads no model."""
    if config.verify:
        return verified.dry_run(config, measures=measures)
    problems = read_prompts(config.prompts)
    done = answered(config, problems)
    wanted = len(problems) * config.samples
    return [
        f"read {len(problems):,} prompts from {config.prompts}",
        asked_text(config),
        f"{len(done):,} of {wanted:,} answers are in {config.output} already; {wanted - len(done):,} to go",
        f"append them to {config.output} and write {manifest_path(config.output)}",
        *(estimate_lines(config, problems, wanted - len(done), measures=measures) if len(done) < wanted else []),
    ]


def run(config: GenerateConfig, report: Report) -> None:
    """Append every missing answer to the output, then write its manifest; with `verify`, see `verified.run`.

    Raises Stopped with all answers so far saved, and BackendError when a server answers nothing.
    """
    if config.verify:
        verified.run(config, report)
        return
    problems = read_prompts(config.prompts)
    done = answered(config, problems)
    wanted = len(problems) * config.samples
    report.progress("generate", len(done), wanted, unit="answers")
    if len(done) < wanted:
        with watched_answers(report, config, problems, wanted - len(done)):
            record = measured(report, 0, "generate", lambda: _ask(config, problems, done, report))
        failed = record.findings["failed"]
        if failed:
            report.log(f"{failed:,} requests failed; run the same command again to repeat only those")
    report.artifact("answers", config.output)
    report.artifact("manifest", write_manifest(config.output, _manifest(config, problems)))
    report.log(f"{len(done):,} of {wanted:,} answers are in {config.output}")


def check_output(config: GenerateConfig) -> None:
    """Raises ConfigError when `verify` would replace a file of another run; without it, answers are added."""
    if config.verify:
        verified.refuse_taken_answers(config)


def answered(config: GenerateConfig, problems: Sequence[Problem]) -> set[Key]:
    """The wanted answers that the output holds already. Raises DataError when another model wrote them."""
    if not Path(config.output).exists():
        return set()
    wanted = {(problem.task_id, index) for problem in problems for index in range(config.samples)}
    present: set[Key] = set()
    for line, row in read_jsonl(config.output, torn_ok=True):
        if row.get("model") != config.model or row.get("backend") != config.backend:
            raise DataError(
                f"{config.output} line {line} was not written by {config.model} ({config.backend}); "
                "name another output, or remove that file"
            )
        if "status" in row:
            raise DataError(f"{config.output} holds answers that passed verification; name another output for others")
        present.add((str(row.get("task_id")), int(row.get("index", 0))))
    return present & wanted


def _ask(config: GenerateConfig, problems: Sequence[Problem], done: set[Key], report: Report) -> Facts:
    """Ask for the missing answers and add them to `done`; returns the number of failed requests and of tokens."""
    by_id, wanted = {problem.task_id: problem for problem in problems}, len(problems) * config.samples
    engine = engine_of(config, report.log)
    failed, tokens, params = 0, 0, sampling_params(config.generation)
    cache_gib = config.generation.cache_memory
    request = SampleRequest(problems, config.samples, params, config.seed, skip=frozenset(done), cache_gib=cache_gib)
    with closing(engine):
        for sample in engine.generate(request, report.stop_asked):
            tokens += sample.completion_tokens
            if sample.finish_reason == "error":
                failed += 1
            else:
                append_jsonl(config.output, [answer_row(config, by_id[sample.task_id], sample)])
                done.add((sample.task_id, sample.index))
            report.progress("generate", len(done), wanted, unit="answers")
    if report.stop_asked():
        raise Stopped
    if failed and not done:
        raise BackendError(f"{config.backend} answered none of {wanted:,} requests; try again later")
    return {"failed": failed, "tokens": tokens}


def _manifest(config: GenerateConfig, problems: Sequence[Problem]) -> Manifest:
    rows = [row for _, row in read_jsonl(config.output, torn_ok=True)] if Path(config.output).exists() else []
    ends = Counter(str(row.get("finish_reason")) for row in rows)
    wanted = len(problems) * config.samples
    dropped = {"cut at max_new_tokens": ends["length"], "not answered": wanted - len(rows)}
    return Manifest(
        dataset="generated",
        source=f"{config.backend}: {config.model}",
        source_sha256=sha256_of(config.prompts),
        for_training=not is_benchmark(config),
        is_benchmark_test=is_benchmark(config),
        rows_in=wanted,
        rows_out=len(rows),
        dropped={reason: count for reason, count in dropped.items() if count > 0},
        details={
            "prompts": config.prompts,
            "system_prompt": config.system_prompt,
            "seed": config.seed,
            **config.generation.model_dump(),
        },
    )
