"""Who may use the server, and how much they may send. Asked before anything of a request is read but its headers."""

from secrets import compare_digest
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haloforge.config import ServeConfig

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine that no other machine reaches."""
_LARGEST_BODY = 16 << 20
"""Bytes; a request of a million tokens has some four million."""


class Refused(Exception):
    """A request that is answered with an error: HTTP status, kind in OpenAI's words, sentence."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind

    def response(self) -> Response:
        """As OpenAI's clients read it."""
        return JSONResponse(self.body(), status_code=self.status)

    def body(self) -> dict[str, Any]:
        """Also an event of a stream."""
        return {"error": {"message": str(self), "type": self.kind, "param": None, "code": self.kind}}


class Admission:
    """Lets in who has the key, and no page of another site that a browser on this machine shows.

    A middleware of its own: FastAPI would read the body of a stranger before it asks for the key.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, key: str) -> None:
        self.app, self.config, self.key = app, config, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := self._refused(Request(scope))):
            await refused.response()(scope, receive, send)
        else:
            await self.app(scope, _limited(receive), send)

    def _refused(self, request: Request) -> Refused | None:
        host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
        foreign = self.config.host in LOCAL and urlsplit(f"//{host}").hostname not in LOCAL
        if foreign or (origin and urlsplit(origin).netloc != host):
            return Refused(403, "permission_error", "pages of other sites may not use this server")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and not compare_digest(given.encode(), self.key.encode()):
            return Refused(401, "invalid_api_key", f"send the key of {self.config.api_key_env} as a bearer token")
        return None


def _limited(receive: Receive) -> Receive:
    """Raises HTTPException, which FastAPI lets through, for a body that goes on and on."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _LARGEST_BODY:
            raise HTTPException(413, f"a request may have {_LARGEST_BODY >> 20} MiB; send a shorter chat")
        return message

    return counted
