"""Everything recorded of one checkpoint: the runs that made it, what they learned from, and how it was judged."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.errors import DataError, ModelError
from haloforge.models import base_licence, fetched, resolve
from haloforge.problems import read_manifest
from haloforge.records import Checkpoint, Run
from haloforge.stages.benchmark.compare import Pair, Result, compare_results, read_result
from haloforge.stages.shared.phases import recorded
from haloforge.stages.shared.provenance import training_runs
from haloforge.store import Store


@dataclass(frozen=True, slots=True)
class DataSource:
    """A file that a run learned from. `digest` is SHA-256 of the file, or of its problems where RAFT read them.

    What the manifest beside the file says is left empty where there is none, or where the file was changed since.
    """

    run: str
    file: str
    digest: str
    rows: int
    dataset: str = ""
    source: str = ""
    revision: str = ""
    licences: tuple[str, ...] = ()
    noncommercial: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A benchmark of the checkpoint, and the paired comparison with the newest one of its base that is comparable."""

    run: str
    result: Result
    against_base: Pair | None


@dataclass(frozen=True, slots=True)
class History:
    """What the records say; `runs` are those that trained, the first first, and `lost` the ids of those forgotten."""

    checkpoint: Checkpoint
    licence: str
    runs: list[Run]
    lost: list[str]
    data: list[DataSource]
    benchmarks: list[Judged]


def history_of(store: Store, model: str) -> History:
    """Collect it. Raises ModelError for what is no model."""
    checkpoint = resolve(fetched(model))
    ids = training_runs(checkpoint)[::-1]
    runs = [run for run_id in ids if (run := store.find_run(run_id))]
    lost = sorted(set(ids) - {run.id for run in runs})
    data = [source for run in runs for source in _sources(store, run)]
    licence = base_licence(checkpoint.path) if checkpoint.is_adapter or not checkpoint.run else _licence_of_base(model)
    return History(checkpoint, licence, runs, lost, data, list(_judged(store, checkpoint)))


def _licence_of_base(model: str) -> str:
    """A merged model does not hold its base; its base is asked where it can be."""
    try:
        return base_licence(resolve(model).base_model)
    except ModelError:  # it was deleted, or has another name here
        return ""


def _sources(store: Store, run: Run) -> Iterator[DataSource]:
    plan = recorded(store, run.id, 0, "plan")
    findings = plan.findings if plan else {}
    for entry in findings.get("files", ()):
        yield _source(run, entry["file"], entry["sha256"], entry["rows"], ())
    if run.stage == "raft":
        problems = store.problems(run.id, held_out=False)
        licences = tuple(Counter(problem.license for problem in problems if problem.license))
        digest = str(findings.get("settings", {}).get("the problems", ""))
        yield _source(run, str(run.config.get("prompts", "")), digest, len(problems), licences)


def _source(run: Run, file: str, digest: str, rows: int, licences: tuple[str, ...]) -> DataSource:
    path = Path(run.cwd, file)
    manifest: Mapping[str, Any] = (read_manifest(path) if path.is_file() else None) or {}
    if len(digest) == 64 and run.stage == "sft" and manifest.get("sha256") != digest:
        manifest = {}  # what lies there now is not what was learned from
    named = manifest.get("license", "")
    return DataSource(
        run.id,
        file,
        digest,
        rows,
        manifest.get("dataset", ""),
        manifest.get("source", ""),
        manifest.get("revision", ""),
        licences or ((named,) if named else ()),
        bool(manifest.get("noncommercial")),
    )


def _judged(store: Store, checkpoint: Checkpoint) -> Iterator[Judged]:
    """Newest first; of several benchmarks by the same protocol on the same problems the newest only."""
    results = list(_results(store))
    own = [(run, result) for run, result in results if _weights(result["model"]) == _weights(_as_row(checkpoint))]
    base = [result for _, result in results if _is_base(result["model"], checkpoint)]
    seen: set[tuple[str, str, str]] = set()
    for run, result in own:
        key = (result["protocol"], result["dataset"]["sha256"], str(result.get("decoding")))
        if key not in seen:
            seen.add(key)
            yield Judged(run, result, next(_pairs(base, result), None))


def _results(store: Store) -> Iterator[tuple[str, Result]]:
    """Result files that are still those that their runs wrote."""
    for run in store.runs(stage="benchmark", status="done"):
        for event in store.events(run.id, kind="artifact"):
            path = Path(run.cwd, event.data["path"])
            if event.data["name"] != "result" or not path.is_file():
                continue
            try:
                result = read_result(path)
            except DataError:  # somebody wrote something else there
                continue
            if result.get("run") == run.id:
                yield run.id, result


def _pairs(bases: list[Result], result: Result) -> Iterator[Pair]:
    for base in bases:
        try:
            yield compare_results(["base", "this model"], [base, result]).pairs[0]
        except DataError:  # another protocol, or other problems
            continue


def _as_row(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"path": checkpoint.path, "run": checkpoint.run, "cycle": checkpoint.cycle}


def _weights(model: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stays the same in every copy of some weights: which run and cycle made them, else where they are."""
    return (model["run"], model.get("cycle")) if model.get("run") else (model.get("path", ""),)


def _is_base(model: Mapping[str, Any], checkpoint: Checkpoint) -> bool:
    """Whether these are the weights that all training of the checkpoint started from."""
    return not model.get("run") and not model.get("is_adapter") and model.get("base_model") == checkpoint.base_model
