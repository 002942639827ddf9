"""The folder that goes to the Hub: built once, kept until the upload is through, so that an interrupted one goes on."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from haloforge.errors import ModelError
from haloforge.models import (
    FINAL_MODEL,
    Metadata,
    building,
    config_folder,
    export,
    export_adapter,
    fetched,
    read_metadata,
    refuse_no_plain_adapter,
    resolve,
    write_metadata,
)
from haloforge.models.gguf import export_gguf, gguf_size, refuse_type
from haloforge.models.lineage import lineage_of
from haloforge.models.metadata import METADATA_FILE
from haloforge.models.stored import weights_size
from haloforge.records import Checkpoint
from haloforge.stages.publishing.card import CHART, Card, card_of
from haloforge.stages.publishing.files import write_card
from haloforge.store import Store

Progress = Callable[[str], None]
Form = Literal["merged", "adapter"]


@dataclass(frozen=True, slots=True)
class ModelUpload:
    """What of a checkpoint goes to the repository `repo`; `gguf` is a number format of a GGUF file, or empty."""

    model: str
    repo: str
    form: Form
    gguf: str = ""

    @property
    def name(self) -> str:
        """The repository without its owner."""
        return self.repo.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of an upload; `is_about` where its size is known only when it is written."""

    name: str
    size: int
    is_about: bool = False


def model_upload(model: str, repo: str, form: Form | None, gguf: str) -> ModelUpload:
    """An adapter stays one where its base is on the Hub; everything else is sent as a whole model unless `form` says.

    Raises ModelError for what cannot be sent so.
    """
    refuse_repo(repo)
    if gguf:
        refuse_type(gguf)
    model = fetched(model)
    lineage = lineage_of(model)
    is_loadable = len(lineage.adapters) == 1 and lineage.root.hub is not None
    if form == "adapter":
        refuse_no_plain_adapter(model, lineage)
        if not is_loadable:
            raise ModelError(
                f"The base of {model} is {lineage.root.name}, which is not on the Hub, so nobody could load the "
                "adapter; use --format merged"
            )
    return ModelUpload(model, repo, form or ("adapter" if is_loadable else "merged"), gguf)


def refuse_repo(repo: str) -> None:
    """Raises ModelError for what cannot be a repository's name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ModelError(f"{repo!r} cannot be a repository on the Hub; name it like OWNER/NAME") from error


def planned_model(store: Store, upload: ModelUpload) -> list[PlannedFile]:
    """What would be sent, without writing anything; the weights first."""
    card = card_of(store, upload.model, upload.name)
    return [*_weights(upload), *_card_files(card)]


def stage_model(store: Store, upload: ModelUpload, root: Path, progress: Progress) -> Path:
    """Build the folder under `root`; an earlier one for the same upload is taken as it is."""
    checkpoint = resolve(upload.model)
    folder = root / f"{upload.name}-{_key(upload, checkpoint)}"
    if folder.exists():
        progress(f"Going on with {folder}")
        return folder
    with building(folder) as partial:
        _write_weights(upload, partial, progress)
        card = card_of(store, upload.model, upload.name)
        write_card(card, partial / "README.md", overwrite=True)
        write_metadata(partial, _public(read_metadata(partial)))
    return folder


def planned_folder(folder: Path) -> list[PlannedFile]:
    """The files of a folder, the largest first."""
    files = (path for path in folder.rglob("*") if path.is_file())
    planned = [PlannedFile(str(path.relative_to(folder)), path.stat().st_size) for path in files]
    return sorted(planned, key=lambda file: (-file.size, file.name))


def _write_weights(upload: ModelUpload, partial: Path, progress: Progress) -> None:
    inner = partial / FINAL_MODEL
    if upload.form == "adapter":
        export_adapter(upload.model, inner, progress)
    else:
        export(upload.model, inner, dtype="stored", progress=progress)
    _move_up(inner, partial)
    if upload.gguf:
        file = export_gguf(upload.model, partial / upload.name, kind=upload.gguf, progress=progress)
        (file.parent / METADATA_FILE).unlink()
        _move_up(file.parent, partial)


def _move_up(folder: Path, target: Path) -> None:
    for path in folder.iterdir():
        path.rename(target / path.name)
    folder.rmdir()


def _public(metadata: Metadata) -> Metadata:
    """Without the places of this machine, which mean nothing elsewhere."""
    return replace(metadata, base_model=_if_elsewhere(metadata.base_model), parent=_if_elsewhere(metadata.parent))


def _if_elsewhere(name: str) -> str:
    return "" if Path(name).is_absolute() else name


def _key(upload: ModelUpload, checkpoint: Checkpoint) -> str:
    """The same for the same weights sent the same way."""
    digest = hashlib.sha256(f"{upload} {checkpoint}".encode())
    folder = Path(checkpoint.path)
    for file in sorted(folder.glob("*.safetensors")) if folder.is_absolute() else ():
        digest.update(f"{file.name} {file.stat().st_mtime_ns} {file.stat().st_size}".encode())
    return digest.hexdigest()[:12]


def _weights(upload: ModelUpload) -> Iterator[PlannedFile]:
    lineage = lineage_of(upload.model)
    config = config_folder(upload.model)
    if upload.form == "adapter":
        folder = lineage.links[0].folder
        names = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tokenizer_config.json")
        files = [folder / name for name in names] if folder else []
        yield from (PlannedFile(file.name, file.stat().st_size) for file in files if file.is_file())
    elif config:
        yield PlannedFile("model.safetensors", weights_size(config), is_about=True)
    if upload.gguf and config:
        yield PlannedFile(f"{upload.name}-{upload.gguf.upper()}.gguf", gguf_size(config, upload.gguf), is_about=True)


def _card_files(card: Card) -> Iterator[PlannedFile]:
    yield PlannedFile("README.md", len(card.text.encode()))
    if card.chart:
        yield PlannedFile(CHART, len(card.chart))
