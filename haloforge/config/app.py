"""Settings of the studio in the browser."""

from typing import ClassVar

from haloforge.settings import StageConfig, setting


class AppConfig(StageConfig):
    """The studio, in the browser."""

    stage: ClassVar[str] = "app"
    command: ClassVar[tuple[str, ...]] = ("app",)
    host: str = setting("127.0.0.1")
    """Address to listen on; any other than this machine's own needs a login."""
    port: int = setting(7860, ge=1, le=65535)
    """Port to listen on."""
    auth: str | None = setting(None)
    """Login to ask for, as USER:PASSWORD."""
    insecure: bool = setting(False)
    """Allow another address without a login: anyone who reaches it can run code here."""
    mcp: bool = setting(False)
    """Serve the endpoints as MCP tools too, at /gradio_api/mcp/, with the same login."""
