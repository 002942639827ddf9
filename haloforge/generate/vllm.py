"""vLLM servers: our own prompt ids out, token ids and log-probs back, as the local engine gives them.

Requests go to `/v1/completions`, one per sample with the sample's own seed. A server batches as it likes, so a seed
seldom gives the same tokens twice; what comes back is the model's own all the same.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from haloforge.errors import BackendError, DataError
from haloforge.generate.decoding import Ending, Row
from haloforge.generate.endpoints import IN_FLIGHT, Endpoint, Endpoints, Failed, Lost, Refused
from haloforge.generate.engine import SampleRequest, SamplingParams, never
from haloforge.generate.finished import to_sample
from haloforge.generate.prompts import HALO, PromptProtocol, render, render_messages, stop_strings
from haloforge.generate.served_model import (
    NOT_TOKENS,
    TOKENS,
    check_logprobs,
    load_adapter,
    says_no_revision,
    served_base,
    tokens_of,
    unload_adapter,
)
from haloforge.models import Outline
from haloforge.records import FinishReason, Message, Problem, Sample

_TRIES = 6
"""So often a request may fail before it is given up."""


@dataclass(slots=True)
class _Ask:
    """One sample that is wanted, and how often servers have failed at it."""

    problem: Problem
    row: Row
    seed: int
    failed: int = 0


class VllmEngine:
    """Samples from a model that vLLM serves at several addresses; an adapter is loaded there as `adapter_name`.

    Everything is checked at the start: the model, the adapter, and that token ids and log-probs come back. Raises
    BackendError where an address has the wrong model, or where none answers.
    """

    name = "vllm"

    def __init__(
        self,
        outline: Outline,
        endpoints: Endpoints,
        adapter_name: str,
        protocol: PromptProtocol = HALO,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.protocol, self._log = protocol, log
        self.outline, self._endpoints = outline, endpoints
        self.tokenizer = self.outline.tokenizer
        decode = partial(self.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self.ending = Ending(self.outline.end_tokens, decode)
        self._adapter = adapter_name if self.outline.adapter else ""
        self._context = self.outline.context
        self._served: dict[Endpoint, str] = {}
        try:
            self._endpoints.each(self._prepare)
        except BackendError:
            self.close()
            raise

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """See Engine. A prompt that leaves the model no room for an answer gives empty samples, cut at `length`."""
        wanted, again = self._asks(request), deque[_Ask]()
        pool = ThreadPoolExecutor(IN_FLIGHT * max(len(self._endpoints.alive), 1), thread_name_prefix="generate-vllm")
        in_flight: dict[Future[dict[str, Any]], tuple[_Ask, Endpoint]] = {}
        stopping = threading.Event()  # only this thread may call should_stop, which may read a database
        try:
            while True:
                while (endpoint := self._endpoints.free()) and not should_stop():
                    ask = again.popleft() if again else next(wanted, None)
                    if ask is None:
                        break
                    if ask.row.limit < 1:
                        yield self._sample(ask, request)
                        continue
                    endpoint.begin()
                    ask.row.started = time.perf_counter()
                    payload = self._payload(ask, request, endpoint)
                    sent = pool.submit(endpoint.complete, payload, ask.failed, stopping.is_set)
                    in_flight[sent] = (ask, endpoint)
                if not in_flight or should_stop():
                    return
                for future in wait(in_flight, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    ask, endpoint = in_flight.pop(future)
                    if self._answered(future, ask, endpoint):
                        yield self._sample(ask, request)
                    else:
                        again.append(ask)
                self._endpoints.look()
        finally:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for _, endpoint in in_flight.values():
                endpoint.abandon()

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """See Engine. The answer comes in one piece. Raises DataError for a prompt that leaves no room for one."""
        ids = render_messages(self.tokenizer, messages)
        row = Row(0, ids, self._limit(ids, params), random.Random(seed), params.stop)
        if row.limit < 1:
            raise DataError(f"the prompt is too long: {len(ids)} tokens, and this model reads at most {self._context}")
        request = SampleRequest([], 1, params, seed)
        ask = _Ask(Problem("chat", tuple(messages)), row, seed)
        while (endpoint := self._endpoints.free()) and not should_stop():
            future: Future[dict[str, Any]] = Future()
            try:
                endpoint.begin()
                future.set_result(endpoint.complete(self._payload(ask, request, endpoint), ask.failed, should_stop))
            except (Lost, Failed, Refused) as error:
                future.set_exception(error)
            if self._answered(future, ask, endpoint):
                yield self.ending.text(row)
                return

    def close(self) -> None:
        """Unload the adapter everywhere, and close all connections."""
        for endpoint in self._endpoints.alive:
            if self._adapter and endpoint in self._served and (why := unload_adapter(endpoint, self._adapter)):
                self._log(f"{endpoint.url} still has the adapter {self._adapter}: {why}")
        self._endpoints.close()

    def _prepare(self, endpoint: Endpoint) -> None:
        """Check what an endpoint serves, and load the adapter there."""
        base, most = served_base(endpoint, self.outline)
        if says_no_revision(endpoint, self.outline):
            self._log(
                f"{endpoint.url} does not tell which revision of {self.outline.root.id} it serves: start vLLM with "
                f"--revision {self.outline.root.revision} to be sure"
            )
        check_logprobs(endpoint, base, self.outline)
        if self._adapter:
            load_adapter(endpoint, self._adapter, self.outline)
        self._served[endpoint] = self._adapter or base
        self._context = min((limit for limit in (self._context, most) if limit is not None), default=None)

    def _asks(self, request: SampleRequest) -> Iterator[_Ask]:
        for position, problem in enumerate(request.problems):
            indexes = request.indexes(problem)
            if not indexes:
                continue
            ids = render(self.tokenizer, problem, self.protocol)
            stop = (*request.params.stop, *stop_strings(self.tokenizer, problem, self.protocol))
            limit = self._limit(ids, request.params)
            for index in indexes:
                seed = request.seed_of(problem, index)
                yield _Ask(problem, Row(index, ids, limit, random.Random(seed), stop, position), seed)

    def _limit(self, ids: Sequence[int], params: SamplingParams) -> int:
        """How many tokens an answer may have."""
        return params.max_new_tokens if self._context is None else min(params.max_new_tokens, self._context - len(ids))

    def _payload(self, ask: _Ask, request: SampleRequest, endpoint: Endpoint) -> dict[str, Any]:
        """Everything is said, as a server takes what is not said from the model's `generation_config.json`."""
        params = request.params
        payload: dict[str, Any] = {
            "model": self._served[endpoint],
            "prompt": list(ask.row.prompt),
            "max_tokens": ask.row.limit,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "top_k": params.top_k,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": ask.seed,
            "stop_token_ids": sorted(self.outline.end_tokens),
        }
        return payload | TOKENS | ({"stop": list(ask.row.stop)} if ask.row.stop else {})

    def _answered(self, future: "Future[dict[str, Any]]", ask: _Ask, endpoint: Endpoint) -> bool:
        """Take an answer into the row of its sample; False when it must be asked for again. Raises BackendError."""
        try:
            answer = future.result()
        except Lost as error:
            self._endpoints.retire(endpoint, str(error))
            return False
        except Failed as error:
            self._endpoints.note_failure(endpoint, str(error))
            return self._gave_up(ask)
        except Refused as error:
            raise BackendError(f"{endpoint.url} refused the request: {error}") from error
        endpoint.failures = 0
        try:
            tokens, logprobs = tokens_of(answer)
        except ValueError as error:
            raise BackendError(f"{endpoint.url} {NOT_TOKENS}") from error
        for token, logprob in zip(tokens, logprobs, strict=True):
            if ask.row.finish_reason is None:
                self.ending.add(ask.row, token, logprob)
        ask.row.finish_reason = ask.row.finish_reason or _FINISHED.get(answer["choices"][0].get("finish_reason"))
        if ask.row.finish_reason is None:  # the server gave up in the middle
            ask.row.tokens.clear()
            ask.row.logprobs.clear()
            return self._gave_up(ask)
        return True

    def _gave_up(self, ask: _Ask) -> bool:
        """Count a failure; True when it was the last, and the sample is one that no server gave."""
        ask.failed += 1
        if ask.failed >= _TRIES:
            ask.row.finish_reason = "error"
        return ask.failed >= _TRIES

    def _sample(self, ask: _Ask, request: SampleRequest) -> Sample:
        return to_sample(ask.row, request, ask.problem, self.protocol, self.ending)


_FINISHED: dict[Any, FinishReason] = {"stop": "stop", "length": "length"}
"""Of vLLM; it also has `abort` and `error`."""
