"""`data generate`: a model answers prompts or solves problems; its answers become rows that SFT reads.

Rows are appended as they come, so an interrupted run goes on where it was. A request that a server failed to answer
leaves no row, and the next run repeats it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from haloforge.config import GenerateConfig
from haloforge.errors import BackendError, DataError, Stopped
from haloforge.files import append_jsonl, read_jsonl, read_text, sha256_of
from haloforge.generate import HALO, PromptProtocol, SampleRequest, open_engine
from haloforge.models import resolve
from haloforge.problems import Manifest, load_problems, manifest_path, write_manifest
from haloforge.records import Problem, Sample
from haloforge.stages.shared.phases import Facts, measured
from haloforge.stages.shared.sampling import sampling_params
from haloforge.store import Report

Key = tuple[str, int]
"""Task id and index of an answer."""


def dry_run(config: GenerateConfig) -> list[str]:
    """What `run` would do. Raises DataError or ModelError; asks no server and loads no model."""
    problems = read_prompts(config.prompts)
    done = answered(config, problems)
    wanted = len(problems) * config.samples
    model = resolve(config.model).path if config.backend == "local" else config.model
    place = f" at {config.base_url}" if config.base_url else ""
    return [
        f"read {len(problems):,} prompts from {config.prompts}",
        f"ask {model} ({config.backend}{place}) for {config.samples} answers to each, "
        f"of at most {config.generation.max_new_tokens:,} tokens",
        f"{len(done):,} of {wanted:,} answers are in {config.output} already; {wanted - len(done):,} to go",
        f"append them to {config.output} and write {manifest_path(config.output)}",
    ]


def run(config: GenerateConfig, report: Report) -> None:
    """Append every missing answer to the output, then write its manifest.

    Raises Stopped with all answers so far saved, and BackendError when a server answers nothing.
    """
    problems = read_prompts(config.prompts)
    done = answered(config, problems)
    wanted = len(problems) * config.samples
    report.progress("generate", len(done), wanted, unit="answers")
    if len(done) < wanted:
        record = measured(report, 0, "generate", lambda: _ask(config, problems, done, report))
        failed = record.findings["failed"]
        if failed:
            report.log(f"{failed:,} requests failed; run the same command again to repeat only those")
    report.artifact("answers", config.output)
    report.artifact("manifest", write_manifest(config.output, _manifest(config, problems)))
    report.log(f"{len(done):,} of {wanted:,} answers are in {config.output}")


def read_prompts(path: str) -> list[Problem]:
    """The lines of a .txt file, each asked word for word, or the problems of any other file. Raises DataError.

    A line's id depends on its words alone, so lines may be added or moved between runs; of equal lines one is asked.
    """
    if not path.endswith(".txt"):
        return load_problems(path)
    lines = dict.fromkeys(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not lines:
        raise DataError(f"{path} holds no prompts; write one on each line")
    return [_from_line(Path(path).stem, line) for line in lines]


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
        present.add((str(row.get("task_id")), int(row.get("index", 0))))
    return present & wanted


def _ask(config: GenerateConfig, problems: Sequence[Problem], done: set[Key], report: Report) -> Facts:
    """Ask for the missing answers and add them to `done`; returns the number of failed requests and of tokens."""
    by_id, wanted = {problem.task_id: problem for problem in problems}, len(problems) * config.samples
    engine = open_engine(
        config.backend,
        config.model,
        base_url=config.base_url,
        concurrency=config.concurrency,
        protocol=_protocol(config.system_prompt),
        progress=report.log,
    )
    failed, tokens, params = 0, 0, sampling_params(config.generation)
    cache_gib = config.generation.cache_memory
    request = SampleRequest(problems, config.samples, params, config.seed, skip=frozenset(done), cache_gib=cache_gib)
    with closing(engine):
        for sample in engine.generate(request, report.stop_asked):
            tokens += sample.completion_tokens
            if sample.finish_reason == "error":
                failed += 1
            else:
                append_jsonl(config.output, [_row(config, by_id[sample.task_id], sample)])
                done.add((sample.task_id, sample.index))
            report.progress("generate", len(done), wanted, unit="answers")
    if report.stop_asked():
        raise Stopped
    if failed and not done:
        raise BackendError(f"{config.backend} answered none of {wanted:,} requests; try again later")
    return {"failed": failed, "tokens": tokens}


def _protocol(system_prompt: str | None) -> PromptProtocol:
    if not system_prompt:
        return HALO
    system = {"role": "system", "content": system_prompt}
    return replace(HALO, messages=lambda problem: [system, *HALO.messages(problem)])


def _row(config: GenerateConfig, problem: Problem, sample: Sample) -> dict[str, Any]:
    """One line of the output. An answer that was cut off stands in `cut_response`, so that SFT does not learn it."""
    is_whole = sample.finish_reason == "stop"
    details = {
        "index": sample.index,
        "backend": config.backend,
        "model": config.model,
        "finish_reason": sample.finish_reason,
        "seed": sample.seed,
        "prompt_tokens": sample.prompt_tokens,
        "completion_tokens": sample.completion_tokens,
    }
    if not is_whole:
        details["cut_response"] = sample.text
    if isinstance(problem.prompt, str):
        solved = replace(problem, solution=sample.code if is_whole else None)
        return solved.to_json() | {"response": sample.text if is_whole else ""} | details
    chat = problem.prompt[0]["content"] if len(problem.prompt) == 1 else [dict(m) for m in problem.prompt]
    return {"task_id": problem.task_id, "prompt": chat, "response": sample.text if is_whole else ""} | details


def _from_line(stem: str, line: str) -> Problem:
    digest = hashlib.sha256(line.encode()).hexdigest()[:12]
    return Problem(task_id=f"{stem}/{digest}", prompt=({"role": "user", "content": line},), source=stem)


def _manifest(config: GenerateConfig, problems: Sequence[Problem]) -> Manifest:
    rows = [row for _, row in read_jsonl(config.output, torn_ok=True)] if Path(config.output).exists() else []
    ends = Counter(str(row.get("finish_reason")) for row in rows)
    wanted = len(problems) * config.samples
    dropped = {"cut at max_new_tokens": ends["length"], "not answered": wanted - len(rows)}
    return Manifest(
        dataset="generated",
        source=f"{config.backend}: {config.model}",
        source_sha256=sha256_of(config.prompts),
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
