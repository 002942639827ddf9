"""What must be known of a model whose weights a server has: how it reads and ends, and which files are meant."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.errors import ModelError
from haloforge.files import read_text
from haloforge.models.embedded import embedded_folder
from haloforge.models.ending import end_ids_of
from haloforge.models.lineage import EMBEDDED, Lineage, Link, lineage_of
from haloforge.models.loading import fetched, fetched_folder, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Outline:
    """A model without its weights. `root` is the full model below; `context` the positions that it was made for.

    `adapter` is the folder of the adapter on it, absolute, with its `rank`; None for a full model.
    """

    name: str
    tokenizer: "PreTrainedTokenizerBase"
    end_tokens: frozenset[int]
    context: int | None
    root: Link
    folder: Path
    adapter: Path | None = None
    rank: int = 0


def refuse_stacked(name: str) -> None:
    """Raises ModelError for an adapter on an adapter, which no server can load."""
    _refuse_stacked(lineage_of(name))


def outline_of(name: str, progress: Callable[[str], None] = lambda line: None) -> Outline:
    """The outline of a model; no weights are read but those of an adapter are on this machine. Raises ModelError."""
    name = fetched(name, progress)
    lineage = lineage_of(name)
    _refuse_stacked(lineage)
    folder = _config_folder(lineage.root, progress)
    tokenizer = load_tokenizer(name, progress=progress)
    adapter = fetched_folder(lineage.adapters[0], progress) if lineage.adapters else None
    return Outline(
        name=name,
        tokenizer=tokenizer,
        end_tokens=end_ids_of(folder, tokenizer),
        context=_context_of(folder),
        root=lineage.root,
        folder=folder,
        adapter=adapter,
        rank=json.loads(read_text(adapter / "adapter_config.json"))["r"] if adapter else 0,
    )


def _refuse_stacked(lineage: Lineage) -> None:
    if len(lineage.adapters) > 1:
        raise ModelError(
            f"{lineage.links[0].name} is an adapter on an adapter, and a vLLM server loads one on a full model: merge "
            "it first (halo-forge models merge) and serve what comes out"
        )


def _config_folder(root: Link, progress: Callable[[str], None]) -> Path:
    if root.name == EMBEDDED:
        return embedded_folder(progress)
    assert root.folder is not None, "its configs were fetched"
    return root.folder


def _context_of(folder: Path) -> int | None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
    most: int | None = getattr(config, "max_position_embeddings", None)  # recurrent models have none
    return most
