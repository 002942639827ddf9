"""Prompts in, samples out: prompts, a model on this machine, vLLM servers, and clients of chat servers.

`open_engine` imports an engine, and torch with it, only when it is called.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from haloforge.config import Backend
from haloforge.errors import ConfigError
from haloforge.generate.engine import Engine, SampleRequest, SamplingParams, never, sample_seed
from haloforge.generate.prompts import (
    HALO,
    PromptProtocol,
    completion_text,
    messages,
    protocol_named,
    render,
)

if TYPE_CHECKING:
    from haloforge.generate.own_servers import OwnServers

__all__ = [
    "HALO",
    "Engine",
    "PromptProtocol",
    "SampleRequest",
    "SamplingParams",
    "completion_text",
    "messages",
    "never",
    "open_engine",
    "open_local",
    "open_vllm",
    "protocol_named",
    "render",
    "sample_seed",
]


def open_engine(
    backend: Backend,
    model: str,
    *,
    base_url: str | None = None,
    concurrency: int = 8,
    protocol: PromptProtocol = HALO,
    progress: Callable[[str], None] = lambda line: None,
) -> Engine:
    """Open an engine for a model as the backend knows it. Raises ModelError, BackendError or ConfigError."""
    if backend == "local":
        if base_url:
            raise ConfigError("base_url is for servers; the local backend loads the model itself")
        return open_local(model, protocol, progress=progress)
    if backend == "anthropic":
        from haloforge.generate.anthropic import anthropic_engine

        return anthropic_engine(model, protocol, base_url=base_url, concurrency=concurrency)
    from haloforge.generate.openai import ollama_engine, openai_engine

    open_server = ollama_engine if backend == "ollama" else openai_engine
    return open_server(model, protocol, base_url=base_url, concurrency=concurrency)


def open_local(
    model: str, protocol: PromptProtocol = HALO, *, in_4bit: bool = False, progress: Callable[[str], None] = print
) -> Engine:
    """Open a model on this machine; its base `in_4bit` only with a CUDA GPU and bitsandbytes. Raises ModelError."""
    from haloforge.generate.local import LocalEngine
    from haloforge.models import load

    return LocalEngine(load(model, in_4bit=in_4bit, progress=progress), protocol, disposable=True)


def open_vllm(
    model: str,
    endpoints: Sequence[str],
    adapter_name: str,
    protocol: PromptProtocol = HALO,
    *,
    own: "OwnServers | None" = None,
    progress: Callable[[str], None] = print,
) -> Engine:
    """Open a checkpoint at vLLM servers that have its base; an adapter is loaded there under a name of its own.

    Without `endpoints` the servers are `own` ones of this machine. Raises BackendError for a server with another model,
    or one that cannot start, ModelError for an adapter that servers cannot load, ConfigError without vLLM.
    """
    from haloforge.generate.endpoints import Endpoints
    from haloforge.generate.vllm import VllmEngine
    from haloforge.models import outline_of

    outline = outline_of(model, progress)
    servers = own.serving(outline) if own and not endpoints else Endpoints(endpoints, progress)
    engine = VllmEngine(outline, servers, adapter_name, protocol, progress)
    where = f"at {', '.join(endpoints)}" if endpoints else "on this machine"
    progress(
        f"{model} is sampled by vLLM {where}: seeds are sent, but a server batches as it likes, so "
        "a run that goes on after a stop may get other tokens than it would have got"
    )
    return engine
