"""Anthropic's Messages API, spoken directly."""

from collections.abc import Sequence
from typing import Any

from haloforge.errors import BackendError, ConfigError
from haloforge.generate.engine import SamplingParams
from haloforge.generate.prompts import PromptProtocol
from haloforge.generate.servers import Answer, Dialect, ServerEngine
from haloforge.generate.transport import Transport
from haloforge.generate.web import key_in
from haloforge.records import Message

ANTHROPIC_URL = "https://api.anthropic.com"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
_API_VERSION = "2023-06-01"


def anthropic_engine(
    model: str, protocol: PromptProtocol, *, base_url: str | None = None, concurrency: int = 8, backoff_s: float = 1.0
) -> ServerEngine:
    """Claude by name. The key comes from ANTHROPIC_API_KEY. Raises BackendError without one."""
    key = key_in(KEY_VARIABLE)
    if not key:
        raise BackendError(f"Anthropic needs a key: set {KEY_VARIABLE}")
    endpoint = (base_url or ANTHROPIC_URL).rstrip("/").removesuffix("/v1") + "/v1/messages"
    transport = Transport(endpoint, {"x-api-key": key, "anthropic-version": _API_VERSION}, KEY_VARIABLE, backoff_s)
    return ServerEngine("anthropic", transport, _dialect(model), protocol, concurrency)


def _dialect(model: str) -> Dialect:
    def payload(messages: Sequence[Message], params: SamplingParams, seed: int) -> dict[str, Any]:
        """There is no seed; top_p is left out because current models refuse it beside a temperature."""
        if params.temperature > 1:
            raise ConfigError(f"Anthropic takes a temperature from 0 to 1, not {params.temperature}")
        row: dict[str, Any] = {
            "model": model,
            "max_tokens": params.max_new_tokens,
            "messages": [dict(message) for message in messages if message["role"] != "system"],
            "temperature": params.temperature,
        }
        system = [message["content"] for message in messages if message["role"] == "system"]
        if system:
            row["system"] = "\n\n".join(system)
        if stop := [string for string in params.stop if string.strip()]:  # the API refuses blank ones
            row["stop_sequences"] = stop
        if params.top_k:
            row["top_k"] = params.top_k
        return row

    return Dialect(payload, _read, _read_event)


def _read(row: dict[str, Any]) -> Answer:
    usage = row.get("usage") or {}
    return Answer(
        text="".join(block["text"] for block in row["content"] if block["type"] == "text"),
        finish_reason="length" if row.get("stop_reason") == "max_tokens" else "stop",
        prompt_tokens=usage.get("input_tokens", 0),
        completion_tokens=usage.get("output_tokens", 0),
    )


def _read_event(row: dict[str, Any]) -> str:
    if row.get("type") == "error":
        raise BackendError(f"Anthropic broke off: {row['error']['message']}")
    delta = row.get("delta") or {}
    return delta["text"] if delta.get("type") == "text_delta" else ""
