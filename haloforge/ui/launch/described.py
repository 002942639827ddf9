"""What is there to choose from, each with what is known about it: score, stage, rows, licence, age."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from haloforge.errors import DataError, ModelError
from haloforge.models import EMBEDDED, read_metadata
from haloforge.problems import read_manifest
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.fields import FACTS
from haloforge.ui.formatting import count, duration
from haloforge.ui.inventory import choices, data_files

_MOST_BENCHMARKS = 50
"""Among which a model's score is looked for."""


def named(kind: str, root: Path | None = None) -> list[tuple[str, str]]:
    """The names of `inventory.choices`, each with a text that says what is known too."""
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
    for line in reversed(store.run_lines(stage="benchmark", status="done", limit=_MOST_BENCHMARKS)):
        run, model = line.run, line.run.config.get("model")
        figure = metrics.figure(run.stage, line.figures).text
        if figure and isinstance(model, str):
            scores[model] = scores[str(Path(run.cwd, model).absolute())] = figure
    return scores


def _with_facts(name: str, facts: Sequence[str]) -> str:
    return f"{name}{FACTS}{', '.join(facts)}" if facts else name


def _age(path: Path) -> str:
    return f"{duration(time.time() - path.stat().st_mtime)} old"
