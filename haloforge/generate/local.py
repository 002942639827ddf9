"""The local engine: a transformers model on this machine's CPU or GPU."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from haloforge.generate.batches import run_batches
from haloforge.generate.decoding import Decoder, Ending, Row, pick
from haloforge.generate.engine import SampleRequest, SamplingParams, never, sample_seed
from haloforge.generate.packing import pack_for_good, pack_linears
from haloforge.generate.prompts import HALO, PromptProtocol, render, render_messages, stop_strings
from haloforge.generate.slots import fits, run_slots
from haloforge.models import LoadedModel, give_back_memory, merge_for_good, merge_in_place
from haloforge.records import Message, Problem, Sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SLOTS = {"cpu": 64, "cuda": 256}
"""Rows at a time, by kind of device: a CPU nears its peak speed at 64, a GPU later; more only need more memory."""

_BATCH = 16
"""Rows of `model.generate` at a time."""


class LocalEngine:
    """Samples from a loaded model. Until `close` the model is changed: its adapter is merged in place, and on a CPU
    its weights are packed in another layout, so neither train nor save it before.

    A `disposable` model is never given back: it is changed for good, which needs half of the memory.

    Every sample has a random stream of its own, so the same seed and the same problems on the same machine give the
    same tokens; in another batch only floating-point noise in the model's numbers can change them.
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
        loaded.model.eval()

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """See Engine. A prompt that leaves the model no room for an answer gives empty samples, cut at `length`."""
        problems, params, seed = request.problems, request.params, request.seed
        prompts = [tuple(render(self.tokenizer, problem, self.protocol)) for problem in problems]
        rows = [
            self._row(prompt, params, sample_seed(seed, problem.task_id, index), position, index)
            for position, (problem, prompt) in enumerate(zip(problems, prompts, strict=True))
            for index in range(request.n)
            if (problem.task_id, index) not in request.skip
        ]
        ending = self._ending((*params.stop, *stop_strings(self.tokenizer, problems, self.protocol)))
        for row in rows:
            if row.limit < 1:
                yield self._sample(row, problems[row.position], seed, "")
        fitting = sorted((row for row in rows if row.limit >= 1), key=lambda row: -len(row.prompt))
        for finished in self._run(fitting, params, ending, should_stop):
            for row in finished:
                yield self._sample(row, problems[row.position], seed, ending.text(row))

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """See Engine. Models that do not run in slots give their answer in one piece."""
        prompt = tuple(render_messages(self.tokenizer, messages))
        row = self._row(prompt, params, seed)
        ending = self._ending(params.stop)
        sent = ""
        for _ in self._run([row] if row.limit >= 1 else [], params, ending, should_stop):
            text = ending.text(row)
            if row.finish_reason is None:
                text = _unchanging_part(text, params.stop)
            if len(text) > len(sent):
                yield text[len(sent) :]
                sent = text

    def close(self) -> None:
        """Restore the model as it was, unless it is disposable: adapter, layout of its weights, and training mode."""
        self._undo()
        self.loaded.model.train(self.was_training)

    def _row(
        self, prompt: tuple[int, ...], params: SamplingParams, seed: int, position: int = 0, index: int = 0
    ) -> Row:
        context = _context_length(self.model)
        room = params.max_new_tokens if context is None else context - len(prompt)
        return Row(position, index, prompt, min(params.max_new_tokens, room), random.Random(seed))

    def _ending(self, stop: tuple[str, ...]) -> Ending:
        return Ending(
            tokens=end_tokens(self.loaded),
            strings=stop,
            decode=partial(self.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False),
        )

    @torch.inference_mode()
    def _run(
        self, rows: list[Row], params: SamplingParams, ending: Ending, should_stop: Callable[[], bool]
    ) -> Iterator[list[Row]]:
        choose = partial(pick, temperature=params.temperature, top_p=params.top_p, top_k=params.top_k)
        decoder = Decoder(choose, ending, should_stop)
        if fits(self.model):
            count = self.slots or SLOTS.get(self.model.device.type, _BATCH)
            yield from run_slots(self.model, rows, decoder, count)
        else:
            yield from run_batches(self.model, rows, decoder, self.slots or _BATCH)

    def _sample(self, row: Row, problem: Problem, seed: int, text: str) -> Sample:
        return Sample(
            task_id=problem.task_id,
            index=row.index,
            text=text,
            code=self.protocol.extract(self.protocol.prefill + text, problem),
            finish_reason=row.finish_reason or "length",
            seed=sample_seed(seed, problem.task_id, row.index),
            prompt_ids=tuple(row.prompt),
            token_ids=tuple(row.tokens),
            logprobs=tuple(row.logprobs),
            seconds=time.perf_counter() - row.started,
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
        )


def _nothing() -> None:
    """What there is to undo on a model that is thrown away."""


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
    """Ids that end an answer: those of the generation config and the tokenizer, and the end-of-turn token of the chat
    template, which the configs of some models forget."""
    configured = loaded.model.generation_config.eos_token_id
    ids = {configured} if isinstance(configured, int) else set(configured or ())
    ids.add(loaded.tokenizer.eos_token_id)
    template = loaded.tokenizer.chat_template or ""
    turns = [token for token in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>") if token in template]
    ids.update(loaded.tokenizer.convert_tokens_to_ids(token) for token in turns)
    return frozenset(ids - {None, loaded.tokenizer.unk_token_id})


def _context_length(model: torch.nn.Module) -> int | None:
    """Positions that the model was made for, where its config says so."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)  # recurrent models have none


def _unchanging_part(text: str, stop: Sequence[str]) -> str:
    """The part of an unfinished text that no later token can change: no half character, no start of a stop string."""
    text = text.rstrip("\N{REPLACEMENT CHARACTER}")
    pending = [size for string in stop for size in range(1, len(string)) if text.endswith(string[:size])]
    return text[: len(text) - max(pending, default=0)]
