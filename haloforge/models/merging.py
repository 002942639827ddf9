"""Adapters merged into their base weights: for good, as a folder with the whole model, or in memory while sampling."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.errors import MachineError, ModelError
from haloforge.models.checkpoints import resolve
from haloforge.models.lineage import lineage_of
from haloforge.models.loading import LoadedModel, Progress, fetched, load
from haloforge.models.metadata import Metadata, building, read_metadata, write_metadata
from haloforge.records import Checkpoint

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


_SHARD = "5GB"
"""Longer files are hard to fetch again where a connection breaks; the Hub's own tools split there too."""


def merge(adapter: str, output: str | Path, progress: Progress = lambda line: None) -> Checkpoint:
    """Merge an adapter into its base in fp32 and save the result once, as fp32 safetensors.

    Raises ModelError when `adapter` is a full model already or `output` is taken.
    """
    if not resolve(fetched(adapter, progress)).is_adapter:
        raise ModelError(f"{adapter} is a full model already; there is no adapter to merge")
    return export(adapter, output, progress=progress)


def export(
    name: str, output: str | Path, *, dtype: str = "float32", progress: Progress = lambda line: None
) -> Checkpoint:
    """Write any checkpoint as one folder that transformers and vLLM load as it is: safetensors, tokenizer, configs.

    Adapters are merged in fp32, whatever `dtype` is stored. Raises ModelError when `output` is taken.
    """
    folder = Path(output).expanduser()
    with building(folder) as partial:
        loaded = load_merged(name, dtype=dtype, progress=progress)
        progress(f"Writing {folder}")
        save_model(loaded.model, loaded.tokenizer, partial)
        write_metadata(partial, metadata_of(loaded.checkpoint))
    return resolve(str(folder))


def load_merged(name: str, *, dtype: str = "stored", progress: Progress = lambda line: None) -> LoadedModel:
    """A checkpoint as one plain model on the CPU, with one copy of its weights in memory.

    The base is read in the number format of its files. Adapters are merged in fp32 one layer at a time, and each layer
    is rounded to `dtype` (float32, bfloat16, float16, or stored: as the base) once. Raises ModelError.
    """
    import torch

    formats = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "stored": None}
    if dtype not in formats:
        raise ModelError(f"Unknown dtype {dtype!r}; use one of {', '.join(formats)}")
    fetched_name = fetched(name, progress)
    is_chain = len(lineage_of(fetched_name).adapters) > 1  # those below the top one would be rounded on the way
    loaded = load(fetched_name, device="cpu", dtype="float32" if is_chain else "stored", progress=progress)
    target = formats[dtype] or loaded.model.config.dtype
    return replace(loaded, model=_merged_in_fp32(loaded.model, target).to(target))


def _merged_in_fp32(model: "PreTrainedModel", target: "torch.dtype") -> "PreTrainedModel":
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    if not isinstance(model, PeftModel):
        return model
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            base = layer.get_base_layer()
            base.float()
            layer.merge(safe_merge=True)
            base.to(target)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All adapters are already merged")
        return merge_for_good(model)


def save_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Save weights and tokenizer into a folder. Raises MachineError when the disk is full."""
    from safetensors import SafetensorError

    try:
        model.save_pretrained(folder, max_shard_size=_SHARD)
        tokenizer.save_pretrained(folder)
    except SafetensorError as error:
        raise MachineError(f"The weights cannot be written to {folder}: {error}") from error


def merge_in_place(model: "PreTrainedModel") -> tuple["PreTrainedModel", Callable[[], None]]:
    """Fold a PeftModel's adapter into its base weights; returns the plain model inside and a function that undoes it.

    Sampling from merged weights is twice as fast on a CPU. The undo restores copies kept in CPU memory; subtracting
    would round, and training must go on from exactly the weights it had. Any other model is returned as it is; on a
    base in 4 bits, into which nothing can be merged exactly, the adapter stays beside the weights.
    """
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    if not isinstance(model, PeftModel):
        return model, lambda: None
    if _is_in_4_bits(model):
        return model.get_base_model(), lambda: None
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer) and not layer.merged]
    kept = [(layer, layer.get_base_layer().weight.detach().to("cpu", copy=True)) for layer in layers]
    for layer in layers:
        layer.merge(safe_merge=True)

    def undo() -> None:
        for layer, weight in kept:
            layer.unmerge()
            layer.get_base_layer().weight.data.copy_(weight)
        kept.clear()

    return model.get_base_model(), undo


def merge_for_good(model: "PreTrainedModel") -> "PreTrainedModel":
    """Fold a PeftModel's adapter into its base weights, layer by layer and without a copy to go back to.

    Returns the plain model inside; any other model is returned as it is, and so is a base in 4 bits, beside which the
    adapter stays.
    """
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    if _is_in_4_bits(model):
        return model.get_base_model()
    merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    return merged


def _is_in_4_bits(model: "PeftModel") -> bool:
    return bool(model.get_base_model().config.to_dict().get("quantization_config"))


def metadata_of(checkpoint: Checkpoint) -> Metadata:
    """Where the weights of a copy of this checkpoint came from."""
    known = read_metadata(checkpoint.path)
    return Metadata(
        base_model=checkpoint.base_model,
        parent=checkpoint.path,
        run=checkpoint.run,
        stage=known.stage,
        cycle=checkpoint.cycle,
        base_revision=checkpoint.base_revision,
    )
