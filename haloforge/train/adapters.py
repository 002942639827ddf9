"""The new adapter of a training, and what is refused before anything starts. Light to import: no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.config import ALL_LINEAR, LoraSection
from haloforge.errors import ConfigError, ModelError, first_line
from haloforge.models import (
    EMBEDDED,
    config_folder,
    linear_layers,
    never_adapted,
    refuse_without_bitsandbytes,
    resolve,
    without_weights,
)
from haloforge.train.launch import refuse_unstartable
from haloforge.train.training import TrainingSettings

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel


def new_adapter(lora: LoraSection, model: "PreTrainedModel") -> "LoraConfig":
    """What PEFT is asked for. Raises ConfigError when a target module is none of the model's linear layers."""
    from peft import LoraConfig

    refuse_unknown_targets(lora, model)
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.target_modules == ALL_LINEAR else list(lora.target_modules),
        exclude_modules=never_adapted(model) or None,
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        task_type="CAUSAL_LM",
    )


def refuse_unsupported(start: str, settings: TrainingSettings, lora: LoraSection) -> None:
    """Raises ConfigError for what this machine or the starting model cannot do; it loads no weights.

    A model that lies on the Hub is not asked about `lora.target_modules` here; `new_adapter` does when it is loaded.
    """
    refuse_unstartable(settings.launch)
    if lora.load_in_4bit:
        refuse_without_bitsandbytes("lora.load_in_4bit", "leave it out to train on the whole weights")
    if settings.optimizer == "adamw_8bit":
        refuse_without_bitsandbytes("training.optimizer adamw_8bit", "use adamw")
    if lora.target_modules != ALL_LINEAR and (folder := _folder_of_full_model(start)):
        refuse_unknown_targets(lora, _skeleton(folder))


def _skeleton(folder: Path) -> "PreTrainedModel":
    from transformers import AutoConfig

    try:
        return without_weights(AutoConfig.from_pretrained(folder))
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise ModelError(f"The config of the model in {folder} cannot be read: {first_line(error)}") from error


def refuse_unknown_targets(lora: LoraSection, model: "PreTrainedModel") -> None:
    """Raises ConfigError that names the linear layers of the model when one of `lora.target_modules` is not there."""
    layers = linear_layers(model)
    known = sorted({name.rpartition(".")[2] for name in layers})
    for target in lora.target_modules:
        if target not in ALL_LINEAR and not any(f".{name}".endswith(f".{target}") for name in layers):
            raise ConfigError(
                f"lora.target_modules: the model has no linear layer {target!r} that an adapter could change; "
                f"it has {', '.join(known)}"
            )


def _folder_of_full_model(start: str) -> Path | None:
    """None for an adapter, which is trained further as it is, and for a model of the Hub."""
    checkpoint = resolve(start)
    is_local = checkpoint.path == EMBEDDED or Path(checkpoint.path).is_dir()
    return config_folder(start) if is_local and not checkpoint.is_adapter else None
