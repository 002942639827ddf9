"""Which tokens end an answer of a model."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>")


def end_token_ids(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids that end an answer: those of the generation config and the tokenizer, and the end-of-turn token of the chat
    template, which the configs of some models forget."""
    return _end_ids(model.generation_config, tokenizer)


def end_ids_of(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The same of a full model in a folder, whose weights are not loaded."""
    from transformers import AutoConfig, GenerationConfig

    try:
        settings = GenerationConfig.from_pretrained(folder)
    except OSError:  # without the file a loaded model takes them from its config, too
        settings = GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder, trust_remote_code=False))
    return _end_ids(settings, tokenizer)


def _end_ids(settings: "GenerationConfig", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    configured = settings.eos_token_id
    ids = {configured} if isinstance(configured, int) else set(configured or ())
    return frozenset((ids | {tokenizer.eos_token_id} | turn_end_ids(tokenizer)) - {None})


def turn_end_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids of the tokens that end a turn in the chat template; empty for a template that ends it in plain words."""
    template = tokenizer.chat_template or ""
    known = (tokenizer.convert_tokens_to_ids(token) for token in _TURN_ENDS if token in template)
    return frozenset(known) - {None, tokenizer.unk_token_id}
