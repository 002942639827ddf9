"""What a model name means, and which checkpoints there are. Reads JSON files, no weights or network."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from haloforge.errors import ModelError
from haloforge.models.lineage import FINAL_MODEL, holds_weights, lineage_of
from haloforge.models.metadata import Metadata, read_metadata
from haloforge.records import Checkpoint

_SCAN_DEPTH = 4


def resolve(name: str) -> Checkpoint:
    """What `name` stands for: the embedded model, a folder (model, adapter or run output), or a Hub id.

    A Hub id may name a revision (`org/name@v1`). Of the Hub only the local cache is read: what was never fetched
    counts as a full model until `fetched` (or a load) brings the files that tell. Raises ModelError, one sentence.
    """
    lineage = lineage_of(name)
    top, root = lineage.links[0], lineage.root
    metadata = read_metadata(top.folder) if top.folder else Metadata()
    below = lineage.links[1].name if lineage.adapters else ""
    return Checkpoint(
        path=top.name,
        base_model=root.id if lineage.adapters else metadata.base_model or root.id,
        is_adapter=bool(lineage.adapters),
        parent=metadata.parent or below,
        run=metadata.run,
        cycle=metadata.cycle,
        revision=top.revision,
        base_revision=metadata.base_revision if metadata.base_model and not lineage.adapters else root.revision,
    )


def checkpoint_in(folder: Path) -> Checkpoint:
    """The checkpoint of a folder: itself, the best of a run's output, or its newest cycle. Raises ModelError."""
    return resolve(str(folder.absolute()))


def find_checkpoints(folders: Iterable[str | Path]) -> list[Checkpoint]:
    """Every `final_model` under the given folders, newest first; folders that cannot be used are left out."""
    changed: dict[Path, float] = {}
    for root in folders:
        for weights in _final_models(Path(root)):
            changed[weights.resolve()] = weights.stat().st_mtime
    newest_first = sorted(changed, key=lambda folder: (-changed[folder], str(folder)))
    return [checkpoint for folder in newest_first if (checkpoint := _readable(folder))]


def _readable(folder: Path) -> Checkpoint | None:
    try:
        return checkpoint_in(folder)
    except ModelError:  # a half-deleted folder or a lost base must not empty the whole list
        return None


def _final_models(root: Path) -> Iterator[Path]:
    for place, names, _ in os.walk(root):
        here = Path(place)
        if here.name == FINAL_MODEL and holds_weights(here):
            yield here
            names.clear()
        elif len(here.relative_to(root).parts) >= _SCAN_DEPTH:
            names.clear()
        names[:] = sorted(name for name in names if not name.startswith("."))
