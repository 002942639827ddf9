"""What both ways of running a local model share: unfinished completions, the choice of each token, and when to end.

Tokens are chosen by exact nucleus sampling without sorting the vocabulary.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haloforge.records import FinishReason

if TYPE_CHECKING:
    import torch

Picker = Callable[["torch.Tensor", "torch.Tensor"], tuple["torch.Tensor", "torch.Tensor"]]
"""`pick` with its settings: logits and uniforms to token ids and log-probabilities."""

_FIRST_WIDTH = 64
"""Tokens looked at first. The nucleus of a trained model almost always lies within; rows that need more look wider."""

_GREEDY_BELOW = 1e-6
"""A temperature; logits divided by much less are infinite in fp32."""


@dataclass(slots=True)
class Row:
    """One unfinished completion. `random` is its own stream, so no other row can change what it draws.

    `index` is its number among the samples of its prompt, `limit` the most tokens that it may have; text is cut before
    a string in `stop`; `position` is its problem's place in the request.
    """

    index: int
    prompt: Sequence[int]
    limit: int
    random: random.Random
    stop: tuple[str, ...] = ()
    position: int = 0
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def length(self) -> int:
        """Tokens of prompt and completion together."""
        return len(self.prompt) + len(self.tokens)

    @property
    def width(self) -> int:
        """What `length` may become."""
        return len(self.prompt) + self.limit


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and which of its samples are wanted. A row is made when its turn comes: there may be 200,000 of them.

    `limit` is the most tokens of a completion.
    """

    ids: Sequence[int]
    limit: int
    indexes: Sequence[int]
    new_row: Callable[["Prompt", int], Row]

    def rows(self) -> Iterator[Row]:
        """Its samples in their order."""
        return (self.new_row(self, index) for index in self.indexes)

    @property
    def width(self) -> int:
        """Tokens of prompt and completion together, at most."""
        return len(self.ids) + self.limit


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a completion: an end token, one of its stop strings, or its limit of tokens."""

    tokens: frozenset[int]
    decode: Callable[[Sequence[int]], str]

    def add(self, row: Row, token: int, logprob: float) -> None:
        """Append a sampled token to its row, and say so in `finish_reason` when it was the last."""
        row.tokens.append(token)
        row.logprobs.append(logprob)
        if token in self.tokens or self._stops(row):
            row.finish_reason = "stop"
        elif len(row.tokens) >= row.limit:
            row.finish_reason = "length"

    def text(self, row: Row) -> str:
        """The completion without its end token, cut before the first stop string."""
        ended = bool(row.tokens) and row.tokens[-1] in self.tokens
        text = self.decode(row.tokens[:-1] if ended else row.tokens)
        return text[: min((place for stop in row.stop if (place := text.find(stop)) >= 0), default=None)]

    def _stops(self, row: Row) -> bool:
        if not row.stop:
            return False
        longest = max(map(len, row.stop))  # in characters: every token adds at least one, or a part of one
        tail = self.decode(row.tokens[-longest - 4 :])
        return any(stop in tail for stop in row.stop)


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the next token is chosen, what ends a completion, and whether the user asked to stop."""

    pick: Picker
    ending: Ending
    should_stop: Callable[[], bool]

    def advance(self, rows: Sequence[Row], logits: "torch.Tensor") -> "torch.Tensor":
        """Sample a token for each row of `logits` (rows, vocabulary), append it where a row is unfinished; the ids."""
        import torch

        uniforms = torch.tensor([row.random.random() for row in rows], device=logits.device)
        ids, logprobs = self.pick(logits, uniforms)
        for row, token, logprob in zip(rows, ids.tolist(), logprobs.tolist(), strict=True):
            if row.finish_reason is None:
                self.ending.add(row, token, logprob)
        return ids


def pick(
    logits: "torch.Tensor", uniforms: "torch.Tensor", *, temperature: float, top_p: float, top_k: int = 0
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """One token id per row of `logits` (rows, vocabulary), and its log-probability at temperature 1.

    The row's number in `uniforms` (in [0, 1)) is all the randomness there is. Temperature 0 is greedy, and so is one
    below 1e-6, at which only logits that are equal up to rounding share a probability. As in
    transformers: temperature first, then `top_k` (0 for no limit), then the smallest set of tokens that reaches
    `top_p` of what is left.
    """
    logits = logits.float()
    if temperature < _GREEDY_BELOW:
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
