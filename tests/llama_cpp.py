"""llama.cpp itself, from the package xllamacpp: loads a GGUF file in this process and answers over HTTP on loopback."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

CANDIDATES = 1000
"""Of so many of the likeliest tokens `loss` asks the probabilities; all 49,000 cost ten times the CPU time."""


class LlamaCpp:
    """A running server. Everything is greedy; token ids go in and come out, so that no text is tokenised twice."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=110)

    def tokens(self, text: str, *, special: bool = True) -> list[int]:
        """The ids of a text, special tokens in it recognised, with what the model wants before it."""
        body = {"content": text, "add_special": special, "parse_special": True}
        return list(self._post("/tokenize", body)["tokens"])

    def greedy(self, prompt: Sequence[int], count: int) -> list[int]:
        """At most `count` ids after the prompt, up to the model's own end token."""
        body = {"prompt": list(prompt), "n_predict": count, "temperature": 0, "top_k": 1, "return_tokens": True}
        return list(self._post("/completion", body)["tokens"])

    def log_probabilities(self, prompt: Sequence[int], candidates: int) -> dict[int, float]:
        """Natural log-probabilities of the likeliest next ids.

        The server keeps them back where it samples an end token or half a character, so it is made to sample an `a`;
        that changes nothing of the probabilities.
        """
        forced = [[self._letter, 1000]]
        body = {"prompt": list(prompt), "n_predict": 1, "n_probs": candidates, "logit_bias": forced, "temperature": 0}
        first = self._post("/completion", body)["completion_probabilities"][0]
        return {entry["id"]: entry["logprob"] for entry in first["top_logprobs"]}

    def loss(self, ids: Sequence[int]) -> float:
        """Nats per token of a text: of every token but the first, after those before it."""
        return sum(self._token_loss(ids[:place], ids[place]) for place in range(1, len(ids))) / (len(ids) - 1)

    def _token_loss(self, before: Sequence[int], token: int) -> float:
        for candidates in (CANDIDATES, 1_000_000):  # the second time all, for a token that is not among the likeliest
            if token in (found := self.log_probabilities(before, candidates)):
                return -float(found[token])
        return math.inf

    @cached_property
    def _letter(self) -> int:
        return self.tokens("a", special=False)[-1]

    def chat(self, messages: list[dict[str, str]], count: int) -> dict[str, Any]:
        """An answer by the chat template in the file, in OpenAI's format."""
        return self._post("/v1/chat/completions", {"messages": messages, "max_tokens": count, "temperature": 0})

    def prompt_of(self, messages: list[dict[str, str]]) -> str:
        """The prompt that the chat template in the file makes of messages."""
        return str(self._post("/apply-template", {"messages": messages})["prompt"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def llama_cpp(file: Path, context: int = 1024) -> Iterator[LlamaCpp]:
    """Load the file, with keys and values in fp32 and plain attention, as transformers has it on a CPU.

    One thread: llama.cpp's threads wait for each other at full speed, which on a busy machine takes seconds.
    """
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = context, 1, 0
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32  # fp16 by default
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.warmup, settings.verbosity = False, 0
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(settings)
    try:
        yield LlamaCpp(server.listening_address)
    finally:
        del server  # it stops when nothing holds it
