"""Choosing the next token: exact nucleus sampling without sorting the vocabulary."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_FIRST_WIDTH = 64
"""Tokens looked at first. The nucleus of a trained model almost always lies within; rows that need more look wider."""


def pick(
    logits: "torch.Tensor", uniforms: "torch.Tensor", *, temperature: float, top_p: float, top_k: int = 0
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """One token id per row of `logits` (rows, vocabulary), and its log-probability at temperature 1.

    The row's number in `uniforms` (in [0, 1)) is all the randomness there is. Temperature 0 is greedy. As in
    transformers: temperature first, then `top_k` (0 for no limit), then the smallest set of tokens that reaches
    `top_p` of what is left.
    """
    logits = logits.float()
    if temperature <= 0:
        ids = logits.argmax(-1)
    else:
        ids = _pick_nucleus(logits / temperature, uniforms, top_p, top_k, _FIRST_WIDTH)
    return ids, logits.gather(-1, ids[:, None])[:, 0] - logits.logsumexp(-1)


def _pick_nucleus(
    scaled: "torch.Tensor", uniforms: "torch.Tensor", top_p: float, top_k: int, width: int
) -> "torch.Tensor":
    """Invert the cumulative distribution over the `width` likeliest tokens; rows that need more get more."""
    vocabulary = scaled.shape[-1]
    width = min(top_k or width, vocabulary)
    values, order = scaled.topk(width, dim=-1)
    total = (values if top_k else scaled).logsumexp(-1, keepdim=True)
    probabilities = (values - total).exp()
    reached = probabilities.cumsum(-1)
    if top_p < 1:
        inside = reached - probabilities < top_p
        target = uniforms * (probabilities * inside).sum(-1)
        is_settled = reached[:, -1] >= top_p
    else:
        target = uniforms
        is_settled = reached[:, -1] > uniforms
        inside = probabilities > 0
    column = (reached <= target[:, None]).sum(-1).minimum(inside.sum(-1) - 1)
    ids = order.gather(-1, column[:, None])[:, 0]
    if not top_k and width < vocabulary and not bool(is_settled.all()):
        unsettled = ~is_settled
        ids[unsettled] = _pick_nucleus(scaled[unsettled], uniforms[unsettled], top_p, 0, width * 16)
    return ids
