"""From what is chosen to what was measured of it, and to the benchmark that is missing."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from haloforge.config import BenchmarkConfig
from haloforge.errors import DataError, ForgeError
from haloforge.files import sha256_of, write_jsonl
from haloforge.records import Run
from haloforge.reports.side_by_side import SideBySide
from haloforge.reports.sources import Source, compared, read_source
from haloforge.stages.benchmark.compare import Result, has_same_problems
from haloforge.stages.benchmark.differing import confounders_text
from haloforge.stages.benchmark.held_out import checkpoint_of, cycle_of, held_out_problems
from haloforge.store import Store
from haloforge.ui.checkpoints import Entry, model_of

_NOT_DONE = 50
"""Benchmarks looked through for one that is under way."""


@dataclass(frozen=True)
class Missing:
    """A model that has no result on the problems of `on`, with its settings."""

    key: str
    model: str
    on: Source


def sources(store: Store, chosen: Sequence[str], known: Sequence[Entry]) -> list[Source | Missing]:
    """What was measured of each; of a model, its newest result that can be compared with the first that is measured.

    Raises DataError where only models are chosen and none of them has any result, or for a damaged file.
    """
    read = {key: _read(store, key) for key in chosen if not model_of(key)}
    results = [entry.key for entry in known if not entry.run and not model_of(entry.key)]
    base = next(iter(read.values()), None) or _any_result(store, [model_of(key) for key in chosen], results)
    found: list[Source | Missing] = []
    for key in chosen:
        fitting = read.get(key) or _fitting(store, model_of(key), base, results)
        found.append(fitting or Missing(key, model_of(key), base))
    return found


def measured(found: Sequence[Source], root: Path) -> SideBySide:
    """The comparison, kept until a result changes. Raises DataError where they are not of the same problems."""
    with Store(root) as store:
        stamps = tuple(_stamp(store, source.key) for source in found)
    return _compared(tuple(source.key for source in found), stamps, root)


def checkpoint(store: Store, source: Source) -> str:
    """The model that a source is of, by a name that a benchmark can load."""
    cycle = cycle_of(source.key)
    if cycle:
        return checkpoint_of(store.run(cycle[0]), cycle[1])
    name, run = source.name, store.find_run(str(source.result.get("run", "")))
    folder = Path(run.cwd if run else ".", name)
    return str(folder) if folder.is_dir() else name


def benchmark(store: Store, model: str, on: Source) -> BenchmarkConfig:
    """The benchmark of a model on the problems of a source, with its settings. Raises ForgeError where they are gone.

    The held-out problems of a RAFT run are written to a file in the run's folder.
    """
    result, decoding = on.result, dict(on.result.get("decoding") or {})
    samples, seed = decoding.pop("samples", None), decoding.pop("seed", None)
    prompts = _problem_file(store, on)
    most = samples or max((row["n"] for row in result["problems"]), default=1)
    settings = {
        "model": model,
        "prompts": prompts,
        "output": _output(model, on),
        "samples": most,
        "protocol": result["protocol"],
        "aliased": bool(result.get("aliased")),
        "k": [int(k) for k in result["pass_at_k"]] or [1],
        "limit": result["dataset"].get("limit"),
        "generation": decoding,
        "verifier": result.get("verifier") or {},
    }
    return BenchmarkConfig.parse(settings if seed is None else settings | {"seed": seed})


def under_way(store: Store, config: BenchmarkConfig) -> Run | None:
    """The newest benchmark with these settings that has no result; it may be queued, at work, or have failed."""
    wanted = _apart_from_output(config.to_json())
    for run in store.runs(stage="benchmark", limit=_NOT_DONE):
        if run.status != "done" and _apart_from_output(run.config) == wanted:
            return run
    return None


def _apart_from_output(config: object) -> dict[str, object]:
    settings = config if isinstance(config, dict) else {}
    return {name: value for name, value in settings.items() if name not in ("output", "overwrite")}


def _fitting(store: Store, model: str, base: Source, results: Sequence[str]) -> Source | None:
    """The newest result of a model on the problems of the base, asked and judged like it."""
    for key in results:
        try:
            source = _read(store, key)
        except ForgeError:
            continue
        is_of_model = model in (source.name, checkpoint(store, source))
        if is_of_model and _are_alike(base.result, source.result):
            return source
    return None


def _are_alike(first: Result, other: Result) -> bool:
    return has_same_problems(first, other) and not confounders_text([first, other])


def _any_result(store: Store, models: Sequence[str], results: Sequence[str]) -> Source:
    for key in results:
        source = _read(store, key)
        if {source.name, checkpoint(store, source)} & set(models):
            return source
    raise DataError(
        f"neither {' nor '.join(models[:2])} has a benchmark yet, so there are no problems to compare them on: choose "
        "a result or a cycle for A, or benchmark one of them first"
    )


def _read(store: Store, key: str) -> Source:
    return _kept(key, _stamp(store, key), store.root)


def _stamp(store: Store, key: str) -> int:
    """What changes when the result does: the time of a file, the number of a cycle's verdicts."""
    if cycle := cycle_of(key):
        return store.count_samples(cycle[0], cycle=cycle[1], purpose="eval", verified=True)
    path = Path(key)
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=128)
def _kept(key: str, _stamp: int, root: Path) -> Source:
    with Store(root) as store:
        return read_source(store, key)


@lru_cache(maxsize=16)
def _compared(keys: tuple[str, ...], _stamps: tuple[int, ...], root: Path) -> SideBySide:
    with Store(root) as store:
        return compared([_read(store, key) for key in keys])


def _problem_file(store: Store, on: Source) -> str:
    if cycle := cycle_of(on.key):
        run = store.run(cycle[0])
        asked = {row["task_id"] for row in on.result["problems"]}
        path = store.folder(run.id) / f"held-out-{on.result['dataset']['sha256'][:12]}.jsonl"
        if not path.exists():  # its name says what is in it
            write_jsonl(path, (problem.to_json() for problem in held_out_problems(store, run, asked)))
        return str(path)
    measured_by = store.find_run(str(on.result.get("run", "")))
    path = Path(measured_by.cwd if measured_by else ".", on.result["dataset"]["file"])
    if not path.is_file() or sha256_of(path) != on.result["dataset"]["sha256"]:
        raise DataError(
            f"{path} is not there any more, or not as it was when {on.name} was benchmarked on it: benchmark both "
            "models on one file"
        )
    return str(path)


def _output(model: str, on: Source) -> str:
    """A free name under results/: the model, the data set, and a digest that tells other settings apart."""
    parts = [model.removesuffix("/final_model"), str(on.result["dataset"].get("name") or "problems")]
    words = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[-40:].strip("-") for part in parts]
    digest = hashlib.sha256(f"{model} {on.key}".encode()).hexdigest()[:6]
    stem, number = f"{'-on-'.join(words)}-{digest}", 1
    while (path := Path("results", f"{stem}{'' if number == 1 else f'-{number}'}.json")).exists():
        number += 1
    return str(path)
