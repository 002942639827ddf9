"""What `data generate` asks: the prompts of a file, the engine that answers them, and an answer as a row of a file."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from haloforge.config import GenerateConfig
from haloforge.errors import DataError
from haloforge.files import read_text
from haloforge.generate import HALO, Engine, PromptProtocol, open_engine
from haloforge.models import resolve
from haloforge.problems import load_problems, read_manifest
from haloforge.records import Problem, Sample


def read_prompts(path: str, language: str = "python") -> list[Problem]:
    """The lines of a .txt file, each asked word for word, or the problems of any other file. Raises DataError.

    `language` is that of lines, and of problems that name none. A line's id depends on its words alone, so lines may be
    added or moved between runs; of equal lines one is asked.
    """
    if not path.endswith(".txt"):
        return load_problems(path, default_language=language)
    lines = dict.fromkeys(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not lines:
        raise DataError(f"{path} holds no prompts; write one on each line")
    return [_from_line(Path(path).stem, line, language) for line in lines]


def asked_text(config: GenerateConfig) -> str:
    """Who is asked for how many answers, in one line. Raises ModelError for a local model that is not there."""
    model = resolve(config.model).path if config.backend == "local" else config.model
    place = f" at {config.base_url}" if config.base_url else ""
    return (
        f"ask {model} ({config.backend}{place}) for {config.samples} answers to each, "
        f"of at most {config.generation.max_new_tokens:,} tokens"
    )


def engine_of(config: GenerateConfig, progress: Callable[[str], None]) -> Engine:
    """The engine that answers; close it after use. Raises ModelError, BackendError or ConfigError."""
    return open_engine(
        config.backend,
        config.model,
        base_url=config.base_url,
        concurrency=config.concurrency,
        protocol=protocol_of(config.system_prompt),
        progress=progress,
    )


def is_benchmark(config: GenerateConfig) -> bool:
    """Whether the prompts are a public benchmark's test: answers to them are no data to train on."""
    return bool((read_manifest(config.prompts) or {}).get("is_benchmark_test"))


def answer_row(config: GenerateConfig, problem: Problem, sample: Sample) -> dict[str, Any]:
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


def protocol_of(system_prompt: str | None) -> PromptProtocol:
    """How a prompt is asked, with a system message or without."""
    if not system_prompt:
        return HALO
    system = {"role": "system", "content": system_prompt}
    return replace(HALO, messages=lambda problem: [system, *HALO.messages(problem)])


def _from_line(stem: str, line: str, language: str) -> Problem:
    digest = hashlib.sha256(line.encode()).hexdigest()[:12]
    return Problem(
        task_id=f"{stem}/{digest}", prompt=({"role": "user", "content": line},), language=language, source=stem
    )
