"""Log-probabilities of the learned tokens, computed only where something is learned.

On a GPU that is TRL's fused LM head. On a CPU the fused head scores the prompt and the padding too, and recomputes
every logit for the gradient: 40 % of a training step of the embedded model. There the model's own head computes
the learned positions only.
"""

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from haloforge.train.examples import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LARGEST_LOGITS = 2**28
"""Above this many logits per batch (1 GiB in fp32) the fused head is used on a CPU too: slower, but small."""


class Scored(NamedTuple):
    """Per predicted token, shape (batch, length - 1): column j belongs to the token at j + 1; zero where not learned.

    `entropy` (in nats) and `is_top` carry no gradient.
    """

    log_probs: torch.Tensor
    entropy: torch.Tensor
    is_top: torch.Tensor
    is_learned: torch.Tensor


def score(model: Any, inputs: dict[str, torch.Tensor]) -> Scored:
    """Score the learned tokens of a padded batch with `input_ids`, `attention_mask` and `labels`."""
    labels = inputs["labels"][:, 1:]
    is_learned = labels != IGNORED
    columns = is_learned.any(0).nonzero().flatten()
    if not _has_small_head(model, labels.device, len(labels) * len(columns)):
        fused = model(**inputs, use_cache=False, fused_lm_head=True)
        return Scored(fused.log_probs, fused.entropy.detach(), fused.is_top1, fused.label_mask)
    model_inputs = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**model_inputs, use_cache=False, logits_to_keep=columns).logits.float()
    log_probs, entropy, is_top = _of_logits(logits, labels[:, columns], is_learned[:, columns])
    return Scored(
        _spread(log_probs, columns, is_learned),
        _spread(entropy, columns, is_learned),
        _spread(is_top, columns, is_learned),
        is_learned,
    )


def _of_logits(
    logits: torch.Tensor, labels: torch.Tensor, is_learned: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probability, entropy and "is it the most likely token" of each label; zero where nothing is learned."""
    targets = labels.clamp(min=0)
    normaliser = logits.logsumexp(-1)
    log_probs = logits.gather(-1, targets[..., None])[..., 0] - normaliser
    with torch.no_grad():
        entropy = normaliser - torch.einsum("...v,...v->...", logits.softmax(-1), logits)
        is_top = logits.argmax(-1) == targets
    return log_probs * is_learned, entropy * is_learned, is_top & is_learned


def _spread(values: torch.Tensor, columns: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The values of some columns in a row of all columns, zero elsewhere."""
    return values.new_zeros(like.shape).index_copy(1, columns, values)


def _has_small_head(model: Any, device: torch.device, positions: int) -> bool:
    if device.type != "cpu":
        return False
    base: PreTrainedModel = model.get_base_model()
    return (
        "logits_to_keep" in inspect.signature(type(base).forward).parameters
        and 0 < positions * base.config.get_text_config().vocab_size <= LARGEST_LOGITS
    )
