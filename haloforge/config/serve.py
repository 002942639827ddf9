"""Settings of the server of a checkpoint."""

from typing import ClassVar

from haloforge.settings import StageConfig, setting


class ServeConfig(StageConfig):
    """A checkpoint as a server that speaks OpenAI's API."""

    stage: ClassVar[str] = "serve"
    command: ClassVar[tuple[str, ...]] = ("serve",)
    model: str = setting(kind="model")
    """Checkpoint folder, smollm2-135m, or a Hub id; clients name it the same."""
    host: str = setting("127.0.0.1")
    """Address to listen on; any other than this machine's own needs a key."""
    port: int = setting(8000, ge=1, le=65535)
    """Port to listen on."""
    api_key_env: str | None = setting(None)
    """Environment variable that holds the key which clients have to send."""
    max_new_tokens: int = setting(1024, ge=1)
    """Longest answer, in tokens, to a request that names no limit."""
