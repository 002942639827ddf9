"""Names of models in the Playground: checkpoints as everywhere, and `SERVER:NAME` for what a server answers with."""

from typing import NamedTuple, get_args
from urllib.parse import urlsplit

from haloforge.config import Backend
from haloforge.errors import ConfigError

SERVERS: tuple[Backend, ...] = tuple(name for name in get_args(Backend) if name != "local")
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""Server -> the environment variable that holds its key; the app neither stores nor shows what is in it."""
_AT = "@http"


class ModelName(NamedTuple):
    """A model as `open_engine` knows it."""

    backend: Backend
    name: str
    base_url: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether its weights are loaded into this machine's memory by this process."""
        return self.backend == "local"


def parse(text: str) -> ModelName:
    """`ollama:qwen2.5-coder`, `openai:NAME@http://host:8000/v1`, `anthropic:NAME`; anything else is a checkpoint.

    Raises ConfigError for a server without a model, and for an address that is none.
    """
    backend, colon, rest = text.strip().partition(":")
    if not colon or backend not in SERVERS:
        return ModelName("local", text.strip())
    name, at, address = rest.rpartition(_AT)
    name, base_url = (name, f"http{address}") if at else (rest, None)
    if not name.strip():
        raise ConfigError(f"{text!r} names no model; write {backend}:NAME, or {backend}:NAME@http://host:port/v1")
    if base_url is not None and not urlsplit(base_url).hostname:
        raise ConfigError(f"{base_url!r} is no address of a server; write http://host:port/v1")
    return ModelName(backend, name.strip(), base_url)


def written(backend: str, name: str, base_url: str = "") -> str:
    """The text that `parse` reads. Raises ConfigError as it does."""
    text = f"{backend}:{name.strip()}" + (f"@{base_url.strip()}" if base_url.strip() else "")
    if base_url.strip() and not base_url.strip().startswith(("http://", "https://")):
        raise ConfigError(f"{base_url.strip()!r} is no address of a server; write http://host:port/v1")
    parse(text)
    return text
