"""The sizes of a model, by its config: what memory follows from. No weights are read."""

import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloforge.errors import DataError
from haloforge.estimates.kept import keep, kept_file, read_kept, version_of
from haloforge.generate import budget
from haloforge.models import config_folder, linear_layers, skeleton, with_layers, without_weights

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

_PROBE_TOKENS = 64
_COUNTED_BY = (__file__, skeleton.__file__, budget.__file__)
"""Files whose code makes the numbers: another text of theirs may count otherwise."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Counts of numbers, not of bytes.

    `linear_inputs_and_outputs` is the sum of the widths of every linear layer but the head: an adapter of rank r has r
    times as many numbers. `saved_per_token` is what autograd keeps of one token for the backward pass, with adapters on
    all linear layers and nothing recomputed. `cache_per_token` is the keys and values of one token.
    """

    parameters: int
    embedding: int
    linear_inputs_and_outputs: int
    saved_per_token: int
    cache_per_token: int
    layers: int
    hidden: int
    vocabulary: int


def shape_of(name: str) -> ModelShape | None:
    """The shape of the full model below `name`. Raises ModelError for what is no model.

    Takes some seconds, most of them to load the libraries, where no model with this config was counted before.

    None where its config is not on this machine, or where its architecture cannot be counted: an estimate never stops
    a run that could go on without it.
    """
    folder = config_folder(name)
    if folder is None:
        return None
    try:
        return _shape_in(str(folder), (folder / "config.json").read_text())
    except (AttributeError, KeyError, OSError, TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        _log.info("the memory that %s needs cannot be estimated: %s", name, error)
        return None


def _shape_in(folder: str, config: str) -> ModelShape:
    code = [Path(file).read_text() for file in _COUNTED_BY]
    file = kept_file("shapes", config, [*map(version_of, ("torch", "transformers", "peft"))], code)
    try:
        return ModelShape(**read_kept(file))
    except (DataError, ValueError, TypeError):  # not counted yet, or not what was written here
        shape = _counted(folder)
    keep(file, asdict(shape))
    return shape


def _counted(folder: str) -> ModelShape:
    from transformers import AutoConfig

    warnings.simplefilter("ignore", FutureWarning)  # of transformers to PEFT
    config = AutoConfig.from_pretrained(folder)
    model, text = without_weights(config), config.get_text_config()
    two, four = (_saved(config, layers) for layers in (2, 4))
    per_layer = (four - two) / 2
    return ModelShape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        embedding=model.get_input_embeddings().weight.numel(),
        linear_inputs_and_outputs=sum(sum(parameter.shape) for parameter in _matrices(model)),
        saved_per_token=int((two + per_layer * (text.num_hidden_layers - 2)) / _PROBE_TOKENS),
        cache_per_token=budget.token_numbers(text),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
    )


def _matrices(model: "PreTrainedModel") -> "list[torch.nn.Parameter]":
    """The weights that adapters change, each of two dimensions."""
    return [layer.get_parameter("weight") for layer in linear_layers(model).values()]


def _saved(config: "PretrainedConfig", layers: int) -> int:
    """Numbers that autograd keeps of one row of `_PROBE_TOKENS` tokens, in a model with so many of its layers.

    Counted on tensors without memory, each storage once; parameters do not count.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    fewer = with_layers(config, layers)
    fewer.get_text_config().pad_token_id = None  # else GPT-2 asks which tokens are padding, and these have no values
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's words about layers, which are for who trains
        lora = LoraConfig(r=16, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(without_weights(fewer), lora)
    model.train()
    parameters = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, Any] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            kept[storage._cdata] = storage  # held, so that no later storage gets its identity
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=torch.zeros(1, _PROBE_TOKENS, dtype=torch.long, device="meta"))
    return int(sum(storage.nbytes() for storage in kept.values())) // 4
