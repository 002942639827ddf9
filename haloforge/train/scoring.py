"""Log-probabilities of the learned tokens, computed only where something is learned.

On a GPU that is TRL's fused LM head. On a CPU the fused head scores the prompt and the padding too, and recomputes
every logit for the gradient: 40 % of a training step of the embedded model. There the model's own head computes
the learned positions only.
"""

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from accelerate.utils import extract_model_from_parallel

from haloforge.train.examples import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LARGEST_LOGITS = 2**28
"""Above this many logits per batch (1 GiB in fp32) the fused head is used on a CPU too: slower, but small."""

_ROWS = 64
"""Positions whose softmax is computed at a time: 12 MiB for a vocabulary of 49,152."""


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
    log_probs, entropy, is_top = _OneCopyOfLogits.apply(logits, labels.clamp(min=0))
    return log_probs * is_learned, entropy * is_learned, is_top & is_learned


class _OneCopyOfLogits(torch.autograd.Function):
    """What `_of_logits` needs, in the memory of the logits alone: they are the largest tensor of a training step.

    Autograd would hold four of that size. Here the forward pass works on a few rows at a time, and the backward pass
    writes the gradient, one-hot minus softmax, over the logits, which nobody reads afterwards.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log-probabilities, entropies and "is it the most likely", each of the shape of `targets`."""
        flat, wanted = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1, 1)
        normaliser = torch.cat([rows.logsumexp(-1) for rows in flat.split(_ROWS)])
        means = [torch.einsum("rv,rv->r", rows.softmax(-1), rows) for rows in flat.split(_ROWS)]
        is_top = flat.argmax(-1, keepdim=True) == wanted
        found = flat.gather(-1, wanted)[:, 0] - normaliser
        ctx.save_for_backward(flat, wanted, normaliser)
        ctx.shape = logits.shape
        ctx.mark_non_differentiable(entropy := normaliser - torch.cat(means), is_top)
        return found.view(targets.shape), entropy.view(targets.shape), is_top.view(targets.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient of the log-probabilities; the others have none."""
        flat, wanted, normaliser = ctx.saved_tensors
        weights = gradients[0].reshape(-1, 1)
        flat.sub_(normaliser[:, None]).exp_().mul_(-weights)
        return flat.scatter_add_(-1, wanted, weights).view(ctx.shape), None


def _spread(values: torch.Tensor, columns: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The values of some columns in a row of all columns, zero elsewhere."""
    return values.new_zeros(like.shape).index_copy(1, columns, values)


def _has_small_head(model: Any, device: torch.device, positions: int) -> bool:
    if device.type != "cpu":
        return False
    base: PreTrainedModel = extract_model_from_parallel(model).get_base_model()
    return (
        "logits_to_keep" in inspect.signature(type(base).forward).parameters
        and 0 < positions * base.config.get_text_config().vocab_size <= LARGEST_LOGITS
    )
