"""Writing whole models: an adapter merged into its base, or any checkpoint exported as one folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.errors import MachineError, ModelError
from haloforge.models.checkpoints import Metadata, read_metadata, resolve, write_metadata
from haloforge.models.folders import building
from haloforge.models.loading import LoadedModel, Progress, load
from haloforge.records import Checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def merge(adapter: str, output: str | Path, progress: Progress = lambda line: None) -> Checkpoint:
    """Merge an adapter into its base in fp32 and save the result once, as fp32 safetensors.

    Raises ModelError when `adapter` is a full model already or `output` is taken.
    """
    if not resolve(adapter).is_adapter:
        raise ModelError(f"{adapter} is a full model already; there is no adapter to merge")
    return export(adapter, output, progress=progress)


def export(
    name: str, output: str | Path, *, dtype: str = "float32", progress: Progress = lambda line: None
) -> Checkpoint:
    """Write any checkpoint as one folder that transformers and vLLM load as it is: safetensors, tokenizer, configs.

    Adapters are merged in fp32, whatever `dtype` is stored. Raises ModelError when `output` is taken.
    """
    import torch

    stored = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype not in stored:
        raise ModelError(f"Unknown dtype {dtype!r}; use one of {', '.join(stored)}")
    folder = Path(output).expanduser()
    with building(folder) as partial:
        loaded = load(name, device="cpu", dtype="float32", progress=progress)
        progress(f"Writing {folder}")
        save_model(_merged(loaded).to(stored[dtype]), loaded.tokenizer, partial)
        write_metadata(partial, _metadata(loaded.checkpoint))
    return resolve(str(folder))


def save_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Save weights and tokenizer into a folder. Raises MachineError when the disk is full."""
    from safetensors import SafetensorError

    try:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except SafetensorError as error:
        raise MachineError(f"The weights cannot be written to {folder}: {error}") from error


def _merged(loaded: LoadedModel) -> "PreTrainedModel":
    if not loaded.checkpoint.is_adapter:
        return loaded.model
    from peft import PeftModel

    assert isinstance(loaded.model, PeftModel)
    model: PreTrainedModel = loaded.model.merge_and_unload(safe_merge=True)
    return model


def _metadata(checkpoint: Checkpoint) -> Metadata:
    known = read_metadata(checkpoint.path)
    return Metadata(
        base_model=checkpoint.base_model,
        parent=checkpoint.path,
        run=checkpoint.run,
        stage=known.stage,
        cycle=checkpoint.cycle,
    )
