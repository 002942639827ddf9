"""What is there to choose from: checkpoints, data files, and the problems of a file, a bundled set or a run."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from haloforge.config import model_folder_of
from haloforge.errors import DataError, ModelError
from haloforge.models import EMBEDDED, find_checkpoints, read_metadata
from haloforge.problems import SOURCES, load_problems, load_starter, manifest_path, read_manifest
from haloforge.records import Problem
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.fields import FACTS
from haloforge.ui.formatting import count, duration

_SUFFIXES = (".jsonl", ".jsonl.gz")
_RUN_PREFIX = "run "
_MOST_BENCHMARKS = 50
"""Among which a model's score is looked for."""


def choices(kind: str, root: Path | None = None, here: Path | None = None) -> Sequence[str]:
    """Names for a setting of a kind: "model", or "problems" and "file" for data files. Newest first."""
    here = here or Path()
    if kind == "model":
        return [EMBEDDED, *models(root, here)]
    return data_files(here)


def described(kind: str, root: Path | None = None) -> list[tuple[str, str]]:
    """The same names, each with a text that also says what is known: score, stage, rows, licence, age."""
    here = Path()
    if kind != "model":
        return [(_with_facts(name, file_facts(name)), name) for name in data_files(here)]
    with Store(root) as store:
        scores = _scores(store)
    return [(_with_facts(name, model_facts(name, scores)), name) for name in choices(kind, root, here)]


def model_facts(name: str, scores: Mapping[str, str]) -> list[str]:
    """The newest benchmark of a model, what made it, and when."""
    if name == EMBEDDED:
        return [*filter(None, [scores.get(name)]), "in the package, works without network"]
    folder = Path(name)
    try:
        made = read_metadata(folder)
    except ModelError:
        return []
    cycle = f"cycle {made.cycle}" if made.cycle is not None else ""
    return list(filter(None, [scores.get(str(folder.absolute())), made.stage, cycle, _age(folder)]))


def file_facts(name: str) -> list[str]:
    """Rows and licence by the manifest, else the size; and the age of a data file."""
    path = Path(name)
    try:
        manifest = read_manifest(path)
    except DataError:
        manifest = None
    if manifest is None:
        return [f"{path.stat().st_size / 1e6:.1f} MB", _age(path)]
    split = f"{manifest['split']} split" if manifest.get("split") else ""
    return list(filter(None, [count(manifest["rows_out"], "row"), split, manifest.get("license", ""), _age(path)]))


def _scores(store: Store) -> dict[str, str]:
    """Model, as it was named and as an absolute path -> the score of its newest benchmark."""
    scores: dict[str, str] = {}
    for run in reversed(store.runs(stage="benchmark", status="done", limit=_MOST_BENCHMARKS)):
        figure, model = metrics.key_figure(store, run), run.config.get("model")
        if figure and isinstance(model, str):
            scores[model] = scores[str(Path(run.cwd, model).absolute())] = figure
    return scores


def _with_facts(name: str, facts: Sequence[str]) -> str:
    return f"{name}{FACTS}{', '.join(facts)}" if facts else name


def _age(path: Path) -> str:
    return f"{duration(time.time() - path.stat().st_mtime)} old"


def models(root: Path | None, here: Path) -> list[str]:
    """Every checkpoint under models/ and in the outputs of runs; paths in the folder `here` are relative to it."""
    folders = {here / "models", *_output_folders(root)}
    return [_relative(checkpoint.path, here) for checkpoint in find_checkpoints(sorted(folders))]


def data_files(here: Path) -> list[str]:
    """JSON Lines files under data/, those with a manifest first, then the newest."""
    folder = here / "data"
    files = [p for p in folder.rglob("*") if p.name.endswith(_SUFFIXES) and p.is_file()] if folder.is_dir() else []
    files.sort(key=lambda p: (not manifest_path(p).is_file(), -p.stat().st_mtime))
    return [_relative(str(p), here) for p in files]


def problem_sets() -> list[str]:
    """Names that `read_problems` reads: data files, then the sets that come with the package."""
    return [*data_files(Path()), *(s.name for s in SOURCES.values() if s.is_bundled)]


def problems_of_run(run_id: str) -> str:
    """The name under which `read_problems` reads the problems of a run."""
    return f"{_RUN_PREFIX}{run_id}"


def read_problems(name: str, root: Path | None = None) -> Sequence[Problem]:
    """The problems of a data file, a bundled set or a run. Raises ForgeError when they are not there any more.

    Only listed files are read, so that an address cannot open any other file of this machine.
    """
    if name in SOURCES:
        return _bundled(name)
    if name.startswith(_RUN_PREFIX):
        with Store(root) as store:
            return store.problems(name.removeprefix(_RUN_PREFIX))
    if name not in data_files(Path()):
        raise DataError(f"{name} is not among the data files any more")
    return _read(name, Path(name).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _bundled(name: str) -> Sequence[Problem]:
    return list(load_starter(name))


@lru_cache(maxsize=4)
def _read(name: str, _changed_ns: int) -> Sequence[Problem]:
    return load_problems(name)


def _output_folders(root: Path | None) -> set[Path]:
    with Store(root) as store:
        runs = store.runs(limit=10_000)
    return {folder for run in runs if (folder := model_folder_of(run))}


def _relative(path: str, here: Path) -> str:
    absolute = Path(path).absolute()
    return str(absolute.relative_to(here.absolute())) if absolute.is_relative_to(here.absolute()) else str(absolute)
