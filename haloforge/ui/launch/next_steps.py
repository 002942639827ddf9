"""What a finished run offers: the next stage with its fields filled in, a comparison, a try in the Playground.

A stage's tab reads `?tab=STAGE&from=RUN`: a run of the same stage is cloned, of another one what it made is filled in.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import STAGES, model_folder_of, output_of
from haloforge.errors import ForgeError
from haloforge.models import EMBEDDED, resolve
from haloforge.nesting import value_at
from haloforge.problems import read_manifest
from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.inventory import data_files
from haloforge.ui.launch.presets import of_config
from haloforge.ui.view import cycle_key, query

_FINAL = "final_model"
_MOST_BENCHMARKS = 50
_RELEASE = "Make it ready for others"


class Step(NamedTuple):
    """A link to what may come next."""

    text: str
    address: str


def open_stage(stage: str, run: Run) -> str:
    """The address of a stage's form with what the run made in its fields."""
    return query({"tab": "data" if stage.startswith("data") else stage, "from": run.id})


def steps(store: Store, run: Run) -> list[Step]:
    """What a run that is done offers, the likeliest first; nothing for others."""
    return list(_STEPS[run.stage](store, run)) if run.status == "done" and run.stage in _STEPS else []


def prefill(store: Store, run: Run, stage: str) -> dict[str, Any]:
    """The fields of a stage that follow from a run, dotted path -> value."""
    model, data = model_of(run), data_of(run)
    if stage == "sft":
        return _known({"model.name": model, "data.train_file": data})
    if stage == "raft":
        return _known({"sft_checkpoint": model, "prompts": data})
    if stage == "data-generate":
        return _known({"model": model})
    if stage == "release":
        return _known({"model": model})
    if stage != "benchmark":
        return {}
    earlier = _last_benchmark(store, run)
    alike = of_config(STAGES["benchmark"], earlier.config) if earlier else {}
    test = data if _is_test(data) else (alike.get("prompts") or _test_file())
    return alike | _known({"model": model, "prompts": test})


def model_of(run: Run) -> str:
    """The model that a run made, judged or released; empty for a data run. Names as this process would use them."""
    if run.stage in ("benchmark", "release"):
        return str(value_at(run.config, "model") or "")
    folder = model_folder_of(run)
    if folder is None:
        return ""
    return here(folder / _FINAL if run.stage == "sft" else folder)


def data_of(run: Run) -> str:
    """The data file that a run wrote or read."""
    if run.stage.startswith("data"):
        written = output_of(run)
        return here(written) if written else ""
    named = value_at(run.config, "data.train_file" if run.stage == "sft" else "prompts")
    return here(Path(run.cwd, named)) if isinstance(named, str) and named else ""


def here(path: Path) -> str:
    """A path as it is typed: relative to the working folder where it lies in it."""
    working = Path.cwd()
    return str(path.relative_to(working)) if path.is_relative_to(working) else str(path)


def _after_data(store: Store, run: Run) -> Iterator[Step]:
    if _is_test(data_of(run)):
        yield Step("Benchmark on this", open_stage("benchmark", run))
        return
    yield Step("Train on this", open_stage("sft", run))
    if run.stage == "data-prepare":
        yield Step("Run RAFT on this", open_stage("raft", run))


def _after_sft(store: Store, run: Run) -> Iterator[Step]:
    yield Step("Run RAFT", open_stage("raft", run))
    yield Step("Benchmark", open_stage("benchmark", run))
    yield Step(_RELEASE, open_stage("release", run))
    yield from _try(run)


def _after_raft(store: Store, run: Run) -> Iterator[Step]:
    cycles = metrics.held_out(store, run)
    top = metrics.best(cycles[1:]) if len(cycles) > 1 and not cycles[0].number else None
    if top:
        address = query({"tab": "compare"}, a=cycle_key(run.id, 0), b=cycle_key(run.id, top.number))
        yield Step("Compare with before", address)
    yield Step("Benchmark", open_stage("benchmark", run))
    yield Step(_RELEASE, open_stage("release", run))
    yield from _try(run)


def _after_benchmark(store: Store, run: Run) -> Iterator[Step]:
    result = output_of(run)
    for other in store.runs(stage="benchmark", status="done", limit=_MOST_BENCHMARKS):
        before = output_of(other)
        if other.created < run.created and before and result and before != result and _same_problems(other, run):
            yield Step("Compare with before", query({"tab": "compare"}, a=str(before), b=str(result)))
            break
    yield Step("Run RAFT from this model", open_stage("raft", run))
    if model_of(run) != EMBEDDED:
        yield Step(_RELEASE, open_stage("release", run))
    yield from _try(run)


def _after_release(store: Store, run: Run) -> Iterator[Step]:
    yield Step("Benchmark", open_stage("benchmark", run))
    yield from _try(run)


def _try(run: Run) -> Iterator[Step]:
    """In the Playground, which offers checkpoints: of a RAFT run's output the best one."""
    name = model_of(run)
    try:
        chosen = name if name == EMBEDDED or not Path(name).is_dir() else here(Path(resolve(name).path).absolute())
    except ForgeError:
        return
    yield Step("Try it", query({"tab": "playground", "model": chosen}))


_STEPS = {
    "data-prepare": _after_data,
    "data-generate": _after_data,
    "sft": _after_sft,
    "raft": _after_raft,
    "benchmark": _after_benchmark,
    "release": _after_release,
}


def _known(flat: dict[str, str]) -> dict[str, Any]:
    return {path: value for path, value in flat.items() if value}


def _same_problems(first: Run, second: Run) -> bool:
    return all(value_at(first.config, name) == value_at(second.config, name) for name in ("prompts", "protocol"))


def _last_benchmark(store: Store, run: Run) -> Run | None:
    return next((r for r in store.runs(stage="benchmark", status="done", limit=1) if r.id != run.id), None)


def _is_test(name: str) -> bool:
    try:
        manifest = read_manifest(name) if name and Path(name).is_file() else None
    except ForgeError:
        return False
    return manifest is not None and bool(manifest["is_benchmark_test"] or not manifest.get("for_training", True))


def _test_file() -> str:
    return next((name for name in data_files(Path()) if _is_test(name)), "")
