"""Problem sets and samples of a run as a dataset on the Hub: one Parquet file and a card."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.files import sha256_of
from haloforge.models import building
from haloforge.problems import load_problems, read_manifest
from haloforge.records import Problem, Run
from haloforge.stages.data.export import Content, export, write_parquet
from haloforge.store import Store

_FILE = "data/train-00000-of-00001.parquet"
"""Where `datasets` looks for a split without being told."""
_NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What the card says of the rows, and what the Hub reads of it."""

    name: str
    rows: int
    licence: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetUpload:
    """What goes to the repository `repo`: a problem file, or the samples of a run; the other of the two is None."""

    repo: str
    data: str | None
    run: str | None
    content: Content

    @property
    def name(self) -> str:
        """The repository without its owner."""
        return self.repo.rpartition("/")[2]


def stage_dataset(store: Store, upload: DatasetUpload, place: Path) -> Path:
    """Build the folder in `place`. Raises DataError or RunError for what cannot be sent."""
    folder = place / upload.name
    if upload.data is not None:
        return stage_problems(Path(upload.data), upload.name, folder)
    assert upload.run is not None
    return stage_samples(store, store.run(upload.run), upload.content, upload.name, folder)


def stage_problems(file: Path, name: str, folder: Path) -> Path:
    """Build the folder of a problem set. `tests` and `meta` are JSON texts: their parts differ from row to row.

    Raises DataError for a file that is no problem set.
    """
    problems = load_problems(file)
    with building(folder) as partial:
        write_parquet(partial / _FILE, iter([_row(problem) for problem in problems]))
        _write_card(partial, _facts_of_problems(file, name, problems))
    return folder


def stage_samples(store: Store, run: Run, content: Content, name: str, folder: Path) -> Path:
    """Build the folder of a run's samples, as `data export` writes them. Raises DataError where there are none."""
    with building(folder) as partial:
        rows = export(store, run, content, partial / _FILE, "parquet")
        manifest = read_manifest(partial / _FILE) or {}
        for beside in (partial / _FILE).parent.glob("*.manifest.json"):
            beside.rename(partial / "manifest.json")
        lines = (f"Samples ({content}) of the run {run.id} ({run.stage}).",)
        _write_card(partial, DatasetFacts(name, rows, str(manifest.get("license", "")), lines))
    return folder


def _row(problem: Problem) -> dict[str, Any]:
    row = problem.to_json()
    texts = {key: json.dumps(row[key], ensure_ascii=False) for key in ("tests", "meta")}
    prompt = row["prompt"] if isinstance(row["prompt"], str) else json.dumps(row["prompt"], ensure_ascii=False)
    return {**row, **texts, "prompt": prompt}


def _facts_of_problems(file: Path, name: str, problems: Iterable[Problem]) -> DatasetFacts:
    problems = list(problems)
    manifest: Mapping[str, Any] = read_manifest(file) or {}
    licences = Counter(p.license for p in problems if p.license)
    licence = manifest.get("license") or ", ".join(licences)
    lines = (
        f"Problems for code generation with their tests, from {manifest.get('dataset') or file.name}.",
        f"Languages: {_counts(Counter(p.language for p in problems))}.",
        f"Sources: {_counts(Counter(p.source for p in problems if p.source)) or _NOT_RECORDED}.",
        f"SHA-256 of the file that they come from: `{sha256_of(file)}`.",
        "`tests` and `meta` are JSON texts.",
    )
    return DatasetFacts(name, len(problems), licence, lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _write_card(folder: Path, facts: DatasetFacts) -> None:
    from huggingface_hub import DatasetCard, DatasetCardData

    spdx = facts.licence.lower() if facts.licence and "," not in facts.licence else None
    data = DatasetCardData(pretty_name=facts.name, license=spdx, tags=["code", "halo-forge"])
    about = [*facts.lines, f"Rows: {facts.rows}. Licence: {facts.licence or _NOT_RECORDED}."]
    body = "\n\n".join([f"# {facts.name}", *about])
    text = f"---\n{data.to_yaml().strip()}\n---\n\n{body}\n"
    DatasetCard(text)  # it refuses metadata that the Hub would
    (folder / "README.md").write_text(text)
