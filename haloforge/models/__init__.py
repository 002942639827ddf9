"""Names to weights: the embedded model, folders, adapters and the Hub; merging and export.

torch is imported only inside the functions that need it.
"""

from haloforge.models.adapter_copy import export_adapter, refuse_no_plain_adapter
from haloforge.models.checkpoints import checkpoint_in, find_checkpoints, resolve
from haloforge.models.embedded import embedded_folder, gguf_file
from haloforge.models.ending import end_token_ids
from haloforge.models.hub import forget_fetched
from haloforge.models.licence import EMBEDDED_ON_HUB, base_licence
from haloforge.models.lineage import EMBEDDED, FINAL_MODEL
from haloforge.models.loading import (
    FALLBACK_CHAT_TEMPLATE,
    LoadedModel,
    fetched,
    fetched_folder,
    limit_threads,
    load,
    load_tokenizer,
    name_base_commit,
    refuse_without_bitsandbytes,
    usual_dtype,
)
from haloforge.models.merging import export, merge, merge_for_good, merge_in_place
from haloforge.models.metadata import Metadata, building, read_metadata, write_metadata
from haloforge.models.outline import Outline, outline_of, refuse_stacked
from haloforge.models.release import give_back_memory, letting_go
from haloforge.models.skeleton import config_folder, linear_layers, never_adapted, with_layers, without_weights

__all__ = [
    "EMBEDDED",
    "EMBEDDED_ON_HUB",
    "FALLBACK_CHAT_TEMPLATE",
    "FINAL_MODEL",
    "LoadedModel",
    "Metadata",
    "Outline",
    "base_licence",
    "building",
    "checkpoint_in",
    "config_folder",
    "embedded_folder",
    "end_token_ids",
    "export",
    "export_adapter",
    "fetched",
    "fetched_folder",
    "find_checkpoints",
    "forget_fetched",
    "gguf_file",
    "give_back_memory",
    "letting_go",
    "limit_threads",
    "linear_layers",
    "load",
    "load_tokenizer",
    "merge",
    "merge_for_good",
    "merge_in_place",
    "name_base_commit",
    "never_adapted",
    "outline_of",
    "read_metadata",
    "refuse_no_plain_adapter",
    "refuse_stacked",
    "refuse_without_bitsandbytes",
    "resolve",
    "usual_dtype",
    "with_layers",
    "without_weights",
    "write_metadata",
]
