"""Completions through `model.generate`, for architectures that do not run in slots (sliding windows, other caches).

Tokens are chosen by our own sampler inside a logits processor, so that random streams, log-probabilities and endings
are the same in both ways of running a model.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from haloforge.generate.decoding import Decoder, Prompt, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class _Sampler(LogitsProcessor):
    """Chooses the next token of every unfinished row, and leaves `generate` (greedy) no other choice."""

    def __init__(self, rows: Sequence[Row], decoder: Decoder) -> None:
        self.rows, self.decoder = rows, decoder

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        ids = self.decoder.advance(self.rows, scores)
        return torch.full_like(scores, -torch.inf).scatter_(-1, ids[:, None], 0.0)


class _Finished(StoppingCriteria):
    """Ends the batch when every row is finished, or the user asked to stop."""

    def __init__(self, rows: Sequence[Row], should_stop: Callable[[], bool]) -> None:
        self.rows, self.should_stop = rows, should_stop

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        stop = self.should_stop()
        return torch.tensor([stop or row.finish_reason is not None for row in self.rows], device=input_ids.device)


def run_batches(
    model: "PreTrainedModel", prompts: Sequence[Prompt], decoder: Decoder, count: int
) -> Iterator[list[Row]]:
    """Complete the prompts in left-padded batches of `count` rows; yields each batch when all of it is finished."""
    rows = chain.from_iterable(prompt.rows() for prompt in prompts)
    while not decoder.should_stop() and (batch := list(islice(rows, count))):
        width = max(len(row.prompt) for row in batch)
        padding = [width - len(row.prompt) for row in batch]
        ids = [[0] * pad + list(row.prompt) for pad, row in zip(padding, batch, strict=True)]
        seen = [[0] * pad + [1] * len(row.prompt) for pad, row in zip(padding, batch, strict=True)]
        with _own_settings_only(model):
            model.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(seen, device=model.device),
                max_new_tokens=max(row.limit for row in batch),
                do_sample=False,
                num_beams=1,
                eos_token_id=None,
                pad_token_id=0,
                logits_processor=LogitsProcessorList([_Sampler(batch, decoder)]),
                stopping_criteria=StoppingCriteriaList([_Finished(batch, decoder.should_stop)]),
            )
        yield [row for row in batch if row.finish_reason is not None]


@contextmanager
def _own_settings_only(model: "PreTrainedModel") -> Iterator[None]:
    """Without what the model's authors set for `generate` (repetition penalties, forbidden words): log-probabilities
    must be the model's own, as training will compute them."""
    theirs, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = theirs
