"""Requests and answers as they are on the wire: OpenAI's chat completions."""

import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from haloforge.errors import ConfigError, DataError
from haloforge.generate import SamplingParams
from haloforge.records import FinishReason, Message

_NO_EFFECT: Mapping[str, tuple[object, ...]] = {
    "tools": (None, []),
    "functions": (None, []),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "response_format": (None, {"type": "text"}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "min_p": (None, 0),
    "repetition_penalty": (None, 1),
    "stop_token_ids": (None, []),
    "min_tokens": (None, 0),
    "ignore_eos": (None, False),
}
"""What would change the answer and is not there, with the values that ask for nothing; the last five are vLLM's."""


class Part(BaseModel):
    """A piece of a message; only text can be read."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    def plain(self) -> Message:
        """As the engine takes it. Raises DataError for what JSON can say and no tokenizer can read."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise DataError("messages: there is half of a surrogate pair in one of them, which is no character")
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(BaseModel):
    """What a stream holds besides the text."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of POST /v1/chat/completions."""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = Field(None, ge=1, le=128)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    def refuse_what_has_no_effect(self) -> None:
        """Raises ConfigError for a wish that this server would only seem to fulfil."""
        for name, value in (self.model_extra or {}).items():
            if name in _NO_EFFECT and value not in _NO_EFFECT[name]:
                raise ConfigError(f"{name} is not supported by this server; leave it out")

    def params(self, longest: int) -> SamplingParams:
        """How to sample; what the request leaves open is OpenAI's default."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return SamplingParams(
            max_new_tokens=self.max_completion_tokens or self.max_tokens or longest,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=max(0, self.top_k or 0),
            stop=tuple(text for text in stop if text),
        )

    def seeds(self) -> list[int]:
        """One per answer; the first is the request's own, so that the same request gives the same answer."""
        first = random.SystemRandom().randrange(2**31) if self.seed is None else self.seed
        return [first + index for index in range(self.n or 1)]


class Choice(BaseModel):
    """One answer as it stands."""

    text: str = ""
    finish_reason: FinishReason | None = None
    tokens: int = 0


class Reply:
    """The answers to one request, in the words of the API."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        rows = [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text},
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ]
        usage = self._usage(choices, prompt_tokens)
        return self._head | {"object": "chat.completion", "choices": rows, "usage": usage}

    def opening(self, count: int) -> Iterator[dict[str, Any]]:
        """The first events of a stream: who speaks."""
        for index in range(count):
            yield self._event(index, {"role": "assistant", "content": ""}, None)

    def piece(self, index: int, text: str, finish_reason: FinishReason | None) -> Iterator[dict[str, Any]]:
        """The events of one more piece of one answer."""
        if text:
            yield self._event(index, {"content": text}, None)
        if finish_reason is not None:
            yield self._event(index, {}, finish_reason)

    def counts(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """The last event of a stream whose reader asked for token counts."""
        usage = self._usage(choices, prompt_tokens)
        return self._head | {"object": "chat.completion.chunk", "choices": [], "usage": usage}

    def _event(self, index: int, delta: Mapping[str, str], finish_reason: FinishReason | None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head | {"object": "chat.completion.chunk", "choices": [choice]}

    def _usage(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, int]:
        made = sum(choice.tokens for choice in choices)
        return {"prompt_tokens": prompt_tokens, "completion_tokens": made, "total_tokens": prompt_tokens + made}
