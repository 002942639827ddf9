"""A model without its weights: what its config alone tells. torch is imported only inside the functions."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.models.embedded import embedded_folder
from haloforge.models.lineage import EMBEDDED, lineage_of

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel


def config_folder(name: str) -> Path | None:
    """The folder of the full model below `name`; None where it is not on this machine. Raises ModelError."""
    root = lineage_of(name).root
    folder = embedded_folder() if root.name == EMBEDDED else root.folder
    return folder if folder and (folder / "config.json").is_file() else None


def without_weights(config: "PretrainedConfig") -> "PreTrainedModel":
    """The model of a config, on PyTorch's meta device: shapes, and no memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def with_layers(config: "PretrainedConfig", count: int) -> "PretrainedConfig":
    """The same model with another number of layers, of the kinds of its first ones."""
    other = copy.deepcopy(config)
    text = other.get_text_config()
    text.num_hidden_layers = count  # whatever its own name for it is: n_layer, num_layers
    if kinds := text.to_dict().get("layer_types"):
        text.layer_types = [kinds[place % len(kinds)] for place in range(count)]
    return other


def linear_layers(model: "PreTrainedModel") -> "dict[str, torch.nn.Module]":
    """The linear layers by full name: 4-bit ones among them, and GPT-2's, which are of a class of their own.

    The output head is left out, as PEFT's all-linear does, and what PEFT adapts in no model of the Mamba family.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    head, never = model.get_output_embeddings(), never_adapted(model)
    linear = (pair for pair in model.named_modules() if isinstance(pair[1], torch.nn.Linear | Conv1D))
    return {name: part for name, part in linear if part is not head and name.rpartition(".")[2] not in never}


def never_adapted(model: "PreTrainedModel") -> list[str]:
    """Names of linear layers whose weights the model's fused kernels read directly, so that PEFT refuses them."""
    is_mamba = model.config.model_type in {"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"}  # PEFT's list
    return ["out_proj"] if is_mamba else []
