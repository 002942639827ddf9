"""Which tokens end an answer of a model."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>")


def end_token_ids(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids that end an answer: those of the generation config and the tokenizer, and the end-of-turn token of the chat
    template, which the configs of some models forget."""
    configured = model.generation_config.eos_token_id
    ids = {configured} if isinstance(configured, int) else set(configured or ())
    return frozenset((ids | {tokenizer.eos_token_id} | turn_end_ids(tokenizer)) - {None})


def turn_end_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids of the tokens that end a turn in the chat template; empty for a template that ends it in plain words."""
    template = tokenizer.chat_template or ""
    known = (tokenizer.convert_tokens_to_ids(token) for token in _TURN_ENDS if token in template)
    return frozenset(known) - {None, tokenizer.unk_token_id}
