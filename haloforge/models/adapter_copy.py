"""An adapter by itself, as a folder that plain PEFT loads."""

import json
import shutil
from pathlib import Path

from haloforge.errors import ModelError
from haloforge.models.checkpoints import resolve
from haloforge.models.embedded import embedded_folder
from haloforge.models.lineage import EMBEDDED, Lineage, lineage_of
from haloforge.models.loading import Progress, fetched, fetched_folder, load_tokenizer
from haloforge.models.merging import metadata_of
from haloforge.models.metadata import building, json_object, write_metadata
from haloforge.records import Checkpoint

_CONFIG = "adapter_config.json"


def export_adapter(name: str, output: str | Path, progress: Progress = lambda line: None) -> Checkpoint:
    """Write an adapter, its tokenizer and what it rests on; its base stays where it is.

    A base that is a folder is named by its absolute path, the embedded model by the folder that it was converted to,
    because PEFT knows neither a name of ours nor a path relative to the adapter. Raises ModelError.
    """
    name = fetched(name, progress)
    lineage = lineage_of(name)
    refuse_no_plain_adapter(name, lineage)
    folder = Path(output).expanduser()
    with building(folder) as partial:
        source = fetched_folder(lineage.links[0], progress)
        settings = dict(json_object(source / _CONFIG)) | {"base_model_name_or_path": _base(lineage, progress)}
        (partial / _CONFIG).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        for weights in source.glob("adapter_model*.safetensors"):
            shutil.copyfile(weights, partial / weights.name)
        load_tokenizer(name, progress).save_pretrained(partial)
        write_metadata(partial, metadata_of(resolve(name)))
    return resolve(str(folder))


def refuse_no_plain_adapter(name: str, lineage: Lineage) -> None:
    """Raises ModelError for a full model, and for an adapter on an adapter, which PEFT cannot load from one folder."""
    if not lineage.adapters:
        raise ModelError(f"{name} is a full model, so there is no adapter to export; use --format merged")
    if len(lineage.adapters) > 1:
        below = lineage.adapters[1].name
        raise ModelError(f"{name} rests on the adapter {below}, which PEFT cannot load together; use --format merged")


def _base(lineage: Lineage, progress: Progress) -> str:
    root = lineage.root
    return str(embedded_folder(progress)) if root.name == EMBEDDED else root.id
