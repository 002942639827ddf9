"""The local engine: a transformers model on this machine's CPU or GPU."""

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from haloforge.errors import DataError
from haloforge.generate.batches import run_batches
from haloforge.generate.budget import SLOTS, cache_bytes
from haloforge.generate.decoding import Decoder, Ending, Prompt, Row, pick
from haloforge.generate.engine import SampleRequest, SamplingParams, never
from haloforge.generate.finished import to_sample
from haloforge.generate.packing import pack_for_good, pack_linears
from haloforge.generate.prompts import HALO, PromptProtocol, render, render_messages, stop_strings
from haloforge.generate.slots import fits, run_slots
from haloforge.models import LoadedModel, end_token_ids, give_back_memory, merge_for_good, merge_in_place
from haloforge.records import Message, Problem, Sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BATCH = 16
"""Rows of `model.generate` at a time."""

_RENDERED_UNHEARD = 256
"""Prompts rendered between two looks at whether the user asked to stop."""


class LocalEngine:
    """Samples from a loaded model. Until `close` the model is changed: its adapter is merged in place, and on a CPU
    its weights are packed in another layout, so neither train nor save it before.

    A `disposable` model is never given back: it is changed for good, which needs half of the memory.

    Every sample has a random stream of its own, so the same seed gives the same tokens, whatever is sampled beside it
    and in however many slots, up to floating-point noise: a CPU or GPU adds in another order when more or fewer rows
    are multiplied at once. A token changes where its draw, or a greedy tie, is closer to the edge than that noise, and
    from there on that sample goes another way. Log-probs differ by some 1e-6 in float32, which seldom changes a sample,
    and by some 1e-2 in bfloat16, which changes many; a changed sample is as much the model's own as the other.
    """

    name = "local"

    def __init__(
        self,
        loaded: LoadedModel,
        protocol: PromptProtocol = HALO,
        slots: int | None = None,
        *,
        disposable: bool = False,
    ) -> None:
        self.tokenizer = loaded.tokenizer
        self.protocol = protocol
        self.was_training = loaded.model.training
        self._undo: Callable[[], None] = _nothing
        if disposable:
            self.model = _changed_for_good(loaded.model)
            loaded = replace(loaded, model=self.model)
        else:
            self.model, self._undo = _changed(loaded.model)
        self.loaded = loaded
        self.slots = slots
        decode = partial(self.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self.ending = Ending(end_tokens(loaded), decode)
        loaded.model.eval()

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """See Engine. One pool: the longest prompt first, the samples of a prompt together.

        A prompt that leaves the model no room for an answer gives empty samples, cut at `length`.
        """
        prompts: list[Prompt] = []
        for position, problem in enumerate(request.problems):
            if position % _RENDERED_UNHEARD == 0 and should_stop():
                return
            if indexes := request.indexes(problem):
                prompt = self._prompt(request, position, indexes)
                if prompt.limit >= 1:
                    prompts.append(prompt)
                else:
                    yield from (self._sample(row, request, problem) for row in prompt.rows())
        prompts.sort(key=lambda prompt: -len(prompt.ids))
        budget = cache_bytes(self.model, request.cache_gib)
        for finished in self._run(prompts, request.params, budget, should_stop):
            for row in finished:
                yield self._sample(row, request, request.problems[row.position])

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """See Engine. Models that do not run in slots give their answer in one piece.

        Raises DataError for a prompt that leaves no room for an answer.
        """
        for _, piece in self.pieces([self.chat(messages, params, seed)], params, should_stop):
            if piece:
                yield piece

    def chat(self, messages: Sequence[Message], params: SamplingParams, seed: int) -> Row:
        """The answer to a chat before it begins. Raises DataError for a prompt that leaves no room for one."""
        ids = render_messages(self.tokenizer, messages)
        row = Row(0, ids, self._limit(ids, params), random.Random(seed), params.stop)
        if row.limit < 1:
            most = _context_length(self.model)
            raise DataError(f"the prompt is too long: {len(ids)} tokens, and this model reads at most {most}")
        return row

    def pieces(
        self, rows: Sequence[Row], params: SamplingParams, should_stop: Callable[[], bool] = never
    ) -> Iterator[tuple[Row, str]]:
        """Several answers at once, sampled alike: each row with its next piece of text, the last one (often empty)
        when its finish reason is known. Limit and stop strings are each row's own.
        """
        growing = {id(row): (row, "") for row in rows}
        prompts = [Prompt(row.prompt, row.limit, [0], partial(_itself, row)) for row in rows]
        prompts.sort(key=lambda prompt: -len(prompt.ids))
        for _ in self._run(prompts, params, cache_bytes(self.model, None), should_stop):
            for key, (row, sent) in list(growing.items()):
                text = self.ending.text(row)
                if row.finish_reason is None:
                    text = _unchanging_part(text, row.stop)
                if len(text) > len(sent) or row.finish_reason is not None:
                    yield row, text[len(sent) :]
                    growing[key] = (row, max(text, sent, key=len))
                if row.finish_reason is not None:
                    del growing[key]

    def close(self) -> None:
        """Restore the model as it was, unless it is disposable: adapter, layout of its weights, and training mode."""
        self._undo()
        self.loaded.model.train(self.was_training)

    def _prompt(self, request: SampleRequest, position: int, indexes: Sequence[int]) -> Prompt:
        """A problem's prompt as four bytes per token: all prompts of a request are in memory at once."""
        problem = request.problems[position]
        ids = array("i", render(self.tokenizer, problem, self.protocol))
        stop = (*request.params.stop, *stop_strings(self.tokenizer, problem, self.protocol))

        def new_row(prompt: Prompt, index: int) -> Row:
            return Row(index, ids, prompt.limit, random.Random(request.seed_of(problem, index)), stop, position)

        return Prompt(ids, self._limit(ids, request.params), indexes, new_row)

    def _limit(self, ids: Sequence[int], params: SamplingParams) -> int:
        """How many tokens an answer may have."""
        context = _context_length(self.model)
        return params.max_new_tokens if context is None else min(params.max_new_tokens, context - len(ids))

    @torch.inference_mode()
    def _run(
        self, prompts: Sequence[Prompt], params: SamplingParams, budget: int, should_stop: Callable[[], bool]
    ) -> Iterator[list[Row]]:
        choose = partial(pick, temperature=params.temperature, top_p=params.top_p, top_k=params.top_k)
        decoder = Decoder(choose, self.ending, should_stop)
        if fits(self.model):
            most = self.slots or SLOTS.get(self.model.device.type, _BATCH)
            yield from run_slots(self.model, prompts, decoder, most, budget)
        else:
            yield from run_batches(self.model, prompts, decoder, self.slots or _BATCH)

    def _sample(self, row: Row, request: SampleRequest, problem: Problem) -> Sample:
        return to_sample(row, request, problem, self.protocol, self.ending)


def _nothing() -> None:
    """What there is to undo on a model that is thrown away."""


def _itself(row: Row, prompt: Prompt, index: int) -> Row:
    """The one row of a prompt."""
    return row


def _changed(model: "PreTrainedModel") -> "tuple[PreTrainedModel, Callable[[], None]]":
    """The model ready to sample from, and what gives it back."""
    plain, undo_merge = merge_in_place(model)
    undo_packing = pack_linears(plain)

    def undo() -> None:
        undo_packing()
        undo_merge()

    return plain, undo


def _changed_for_good(model: "PreTrainedModel") -> "PreTrainedModel":
    plain = merge_for_good(model)
    pack_for_good(plain)
    give_back_memory()
    return plain


def end_tokens(loaded: LoadedModel) -> frozenset[int]:
    """Ids that end an answer of the model."""
    return end_token_ids(loaded.model, loaded.tokenizer)


def _context_length(model: torch.nn.Module) -> int | None:
    """Positions that the model was made for, where its config says so."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)  # recurrent models have none


def _unchanging_part(text: str, stop: Sequence[str]) -> str:
    """The part of an unfinished text that no later token can change: no half character, no start of a stop string."""
    text = text.rstrip("\N{REPLACEMENT CHARACTER}")
    pending = [size for string in stop for size in range(1, len(string)) if text.endswith(string[:size])]
    return text[: len(text) - max(pending, default=0)]
