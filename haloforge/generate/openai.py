"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp, `transformers serve`, OpenAI itself."""

from collections.abc import Sequence
from typing import Any

from haloforge.errors import BackendError
from haloforge.generate.engine import SamplingParams
from haloforge.generate.prompts import PromptProtocol
from haloforge.generate.servers import Answer, Dialect, ServerEngine
from haloforge.generate.transport import Transport
from haloforge.generate.web import key_in
from haloforge.records import Message

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://localhost:11434/v1"
KEY_VARIABLE = "OPENAI_API_KEY"


def openai_engine(
    model: str, protocol: PromptProtocol, *, base_url: str | None = None, concurrency: int = 8, backoff_s: float = 1.0
) -> ServerEngine:
    """OpenAI, or the server at `base_url`. The key comes from OPENAI_API_KEY; only OpenAI itself must have one.

    Raises BackendError when it must and has not.
    """
    key = key_in(KEY_VARIABLE)
    if not key and base_url is None:
        raise BackendError(f"OpenAI needs a key: set {KEY_VARIABLE}, or give the base_url of a server that needs none")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = Transport(_endpoint(base_url or OPENAI_URL), headers, KEY_VARIABLE, backoff_s)
    return ServerEngine("openai", transport, _dialect(model, is_openai=base_url is None), protocol, concurrency)


def ollama_engine(
    model: str, protocol: PromptProtocol, *, base_url: str | None = None, concurrency: int = 8, backoff_s: float = 1.0
) -> ServerEngine:
    """Ollama on this machine, or at `base_url`; no key is sent."""
    transport = Transport(_endpoint(base_url or OLLAMA_URL), {}, "no key: Ollama takes none", backoff_s)
    return ServerEngine("ollama", transport, _dialect(model, is_openai=False), protocol, concurrency)


def _endpoint(base_url: str) -> str:
    return base_url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"


def _dialect(model: str, *, is_openai: bool) -> Dialect:
    def payload(messages: Sequence[Message], params: SamplingParams, seed: int) -> dict[str, Any]:
        limit = "max_completion_tokens" if is_openai else "max_tokens"  # OpenAI refuses the old name, others the new
        row: dict[str, Any] = {
            "model": model,
            "messages": [dict(message) for message in messages],
            limit: params.max_new_tokens,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "seed": seed,
        }
        if params.stop:
            row["stop"] = list(params.stop)
        if params.top_k and not is_openai:
            row["top_k"] = params.top_k
        return row

    return Dialect(payload, _read, _read_event)


def _read(row: dict[str, Any]) -> Answer:
    choice = row["choices"][0]
    usage = row.get("usage") or {}
    return Answer(
        text=choice["message"]["content"] or "",
        finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
        prompt_tokens=usage.get("prompt_tokens", 0),
        completion_tokens=usage.get("completion_tokens", 0),
    )


def _read_event(row: dict[str, Any]) -> str:
    choices = row["choices"]  # empty in the last event, which only counts tokens
    return (choices[0]["delta"].get("content") or "") if choices else ""
