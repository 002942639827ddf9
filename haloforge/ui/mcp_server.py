"""The same endpoints as MCP tools, when asked for: Gradio serves them; who may call them, and how, is here."""

import importlib.util
import json
from base64 import b64encode
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from haloforge.config import AppConfig
from haloforge.errors import ConfigError
from haloforge.ui.api import ENDPOINTS, Effect

PATH = "/gradio_api/mcp/"
LOCAL = ("127.0.0.1", "localhost", "::1")
_HINTS: dict[Effect, dict[str, bool]] = {
    "reads": {"readOnlyHint": True},
    "runs code": {"readOnlyHint": False, "destructiveHint": False},
    "changes": {"readOnlyHint": False, "destructiveHint": False},
    "deletes": {"readOnlyHint": False, "destructiveHint": True},
}
"""What MCP clients are told of a tool, so that they ask before they change something."""


def check_installed() -> None:
    """Raises ConfigError where the package that speaks MCP is not there."""
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError("--mcp needs the package mcp, which is not installed: pip install 'halo-forge[mcp]'")


def complete(demo: Any) -> None:
    """Let a launched app answer in JSON, and say which tools only read and which delete; Gradio itself does neither."""
    from mcp import types

    served = demo.mcp_server_obj
    served.postprocess_output_data = lambda data, _root: [
        types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False)) for value in data
    ]
    server = served.mcp_server
    listed = server.request_handlers[types.ListToolsRequest]
    hints = {e.name: types.ToolAnnotations(**_HINTS[e.effect], openWorldHint=False) for e in ENDPOINTS}

    async def with_annotations(request: Any) -> Any:
        answer = await listed(request)
        for tool in answer.root.tools:
            tool.annotations = hints[tool.name.removeprefix(served.tool_prefix)]
        return answer

    server.request_handlers[types.ListToolsRequest] = with_annotations


class Guard:
    """ASGI middleware: MCP asks for the login of the app, which Gradio does not ask there, and for no foreign page.

    The login comes as HTTP Basic authentication. A browser that shows another site must not reach a server on the same
    machine, under whatever name: the host, and the origin where one is sent, have to be this server's.
    """

    def __init__(self, app: Any, config: AppConfig) -> None:
        self.app, self.config = app, config
        self.expected = "Basic " + b64encode((config.auth or "").encode()).decode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 401 or 403, or pass the request on."""
        is_mcp = scope["type"] == "http" and f"{scope['path']}/".startswith(PATH)
        status = self._refusal({name.decode("latin-1"): value for name, value in scope["headers"]}) if is_mcp else 0
        if not status:
            await self.app(scope, receive, send)
            return
        headers = [(b"www-authenticate", b'Basic realm="halo-forge"')] if status == 401 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _refusal(self, headers: dict[str, bytes]) -> int:
        """The status to answer with, 0 for a welcome request."""
        host = headers.get("host", b"").decode("latin-1")
        origin = headers.get("origin", b"").decode("latin-1")
        if self.config.host in LOCAL and urlsplit(f"//{host}").hostname not in LOCAL:
            return 403
        if origin and urlsplit(origin).netloc != host:
            return 403
        given = headers.get("authorization", b"").decode("latin-1")
        return 0 if self.config.auth is None or compare_digest(given.encode(), self.expected.encode()) else 401
