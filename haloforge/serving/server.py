"""The HTTP server: /v1/models and /v1/chat/completions, whole or streamed."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from itertools import chain
from secrets import compare_digest
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse

from haloforge.config import ServeConfig
from haloforge.errors import ConfigError, ForgeError
from haloforge.generate.local import LocalEngine
from haloforge.models import load
from haloforge.serving.desk import Desk, Order, Piece
from haloforge.serving.wire import ChatRequest, Choice, Reply
from haloforge.verify import hide_from_debuggers

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine that no other machine reaches."""


class Refused(Exception):
    """A request that is answered with an error: HTTP status, kind in OpenAI's words, sentence."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind


def serve(config: ServeConfig) -> None:
    """Serve until interrupted. Raises ForgeError where the address, the key or the model cannot be had."""
    key = _key(config)
    hide_from_debuggers()  # else another program of the same user could read the key in /proc
    with _listening(config) as listener:  # before the model is loaded, which may take minutes
        engine = LocalEngine(load(config.model, progress=print), disposable=True)
        app = build(config, Desk(engine), key)
        address = f"[{config.host}]" if ":" in config.host else config.host
        print(f"{config.model} is served at http://{address}:{config.port}/v1; stop with Ctrl+C", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def build(config: ServeConfig, desk: Desk, key: str) -> FastAPI:
    """The application. `key` "" lets everyone in who reaches it."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(_guard(config, key))])

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": config.model, "object": "model", "owned_by": "halo-forge"}]}

    @app.post("/v1/chat/completions")
    def chat_completions(request: ChatRequest) -> Response:
        if request.model != config.model:
            raise Refused(404, "model_not_found", f"the model {request.model!r} is not served here; {config.model} is")
        request.refuse_what_has_no_effect()
        messages = [message.plain() for message in request.messages]
        order = Order(messages, request.params(config.max_new_tokens), request.seeds())
        desk.take(order)
        reply = Reply(config.model)
        return _streamed(request, order, reply) if request.stream else _whole(order, reply)

    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(ForgeError, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    return app


def _whole(order: Order, reply: Reply) -> Response:
    choices = [Choice() for _ in order.seeds]
    prompt_tokens = 0
    for piece in order.pieces():
        prompt_tokens = piece.prompt_tokens
        _grow(choices, piece)
    return JSONResponse(reply.whole(choices, prompt_tokens))


def _streamed(request: ChatRequest, order: Order, reply: Reply) -> Response:
    pieces = order.pieces()
    first = next(pieces)  # what cannot be answered at all is an error, not a stream
    counted = request.stream_options is not None and request.stream_options.include_usage
    events = _events(chain([first], pieces), order, reply, counted=counted)
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})


def _events(pieces: Iterator[Piece], order: Order, reply: Reply, *, counted: bool) -> Iterator[str]:
    choices = [Choice() for _ in order.seeds]
    prompt_tokens = 0
    try:
        for row in reply.opening(len(choices)):
            yield _event(row)
        for piece in pieces:
            prompt_tokens = piece.prompt_tokens
            _grow(choices, piece)
            for row in reply.piece(piece.index, piece.text, piece.finish_reason):
                yield _event(row)
        if counted:
            yield _event(reply.counts(choices, prompt_tokens))
        yield "data: [DONE]\n\n"
    finally:
        order.cancel()


def _grow(choices: list[Choice], piece: Piece) -> None:
    choice = choices[piece.index]
    choice.text += piece.text
    choice.finish_reason, choice.tokens = piece.finish_reason, piece.tokens


def _event(row: dict[str, Any]) -> str:
    return f"data: {json.dumps(row)}\n\n"


def _guard(config: ServeConfig, key: str) -> Callable[[Request], None]:
    """Lets in who has the key, and no page of another site that a browser on this machine shows."""

    def check(request: Request) -> None:
        host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
        foreign = config.host in LOCAL and urlsplit(f"//{host}").hostname not in LOCAL
        if foreign or (origin and urlsplit(origin).netloc != host):
            raise Refused(403, "permission_error", "pages of other sites may not use this server")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key and not compare_digest(given.encode(), key.encode()):
            raise Refused(401, "invalid_api_key", f"send the key of {config.api_key_env} as a bearer token")

    return check


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return _error(error.status, error.kind, str(error))
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        return _error(400, "invalid_request_error", f"{where}: {first['msg'].lower()}")
    return _error(400, "invalid_request_error", str(error))


def _error(status: int, kind: str, sentence: str) -> Response:
    body = {"message": sentence, "type": kind, "param": None, "code": kind}
    return JSONResponse({"error": body}, status_code=status)


def _key(config: ServeConfig) -> str:
    """The key that clients must send. Raises ConfigError where it is not set, or an open address has none."""
    if config.api_key_env is None:
        if config.host not in LOCAL:
            raise ConfigError(
                f"{config.host} can be reached by others: put a key into an environment variable, and name that with "
                "--api-key-env"
            )
        return ""
    if key := os.environ.get(config.api_key_env, ""):
        return key
    raise ConfigError(f"api_key_env names {config.api_key_env}, and that environment variable is not set")


def _listening(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{config.host} port {config.port} cannot be listened on ({error}): another program may hold it; stop "
            "that, or give --port another number"
        ) from error
    return listener
