"""The HTTP server: /v1/models and /v1/chat/completions, whole or streamed."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from haloforge.config import ServeConfig
from haloforge.errors import ConfigError, ForgeError, MachineError
from haloforge.generate.local import LocalEngine
from haloforge.models import load
from haloforge.serving.admission import LOCAL, Admission, Refused
from haloforge.serving.desk import Desk, Order, Piece
from haloforge.serving.wire import ChatRequest, Choice, Reply
from haloforge.verify import hide_from_debuggers

_S_BETWEEN_LOOKS = 0.25
"""At whether a client still waits for an answer that is not streamed."""
_INVALID = "invalid_request_error"
_S_TO_STOP = 5
"""For clients to read that their answer was ended."""


def serve(config: ServeConfig) -> None:
    """Serve until interrupted. Raises ForgeError where the address, the key or the model cannot be had."""
    key = _key(config)
    hide_from_debuggers()  # else another program of the same user could read the key in /proc
    with _listening(config) as listener:  # before the model is loaded, which may take minutes
        engine = LocalEngine(load(config.model, progress=print), disposable=True)
        desk = Desk(engine)
        app = build(config, desk, key)
        address = f"[{config.host}]" if ":" in config.host else config.host
        print(f"{config.model} is served at http://{address}:{config.port}/v1; stop with Ctrl+C", flush=True)
        settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_S_TO_STOP)
        _Server(settings, desk).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Told to stop, it ends the answers that are being made; uvicorn would wait for them, for minutes."""

    def __init__(self, settings: uvicorn.Config, desk: Desk) -> None:
        super().__init__(settings)
        self._desk = desk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn.Server."""
        self._desk.close()
        super().handle_exit(sig, frame)


def build(config: ServeConfig, desk: Desk, key: str) -> FastAPI:
    """The application. `key` "" lets everyone in who reaches it."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(Admission, config=config, key=key)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": config.model, "object": "model", "owned_by": "halo-forge"}]}

    @app.post("/v1/chat/completions")
    async def chat_completions(request: ChatRequest, connection: Request) -> Response:
        if request.model != config.model:
            raise Refused(404, "model_not_found", f"the model {request.model!r} is not served here; {config.model} is")
        request.refuse_what_has_no_effect()
        messages = [message.plain() for message in request.messages]
        order = Order(messages, request.params(config.max_new_tokens), request.seeds())
        desk.take(order)
        reply = Reply(config.model)
        async with _cancelled_without_reader(connection, order):
            return await (_streamed(request, order, reply) if request.stream else _whole(order, reply))

    for kind in (Refused, ForgeError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refused)
    return app


@asynccontextmanager
async def _cancelled_without_reader(connection: Request, order: Order) -> AsyncIterator[None]:
    """Cancels the order when its client leaves within the block, or the server stops."""

    async def watch() -> None:
        while not await connection.is_disconnected():
            await asyncio.sleep(_S_BETWEEN_LOOKS)
        order.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except BaseException:
        order.cancel()
        raise
    finally:
        watching.cancel()


async def _whole(order: Order, reply: Reply) -> Response:
    choices = [Choice() for _ in order.seeds]
    prompt_tokens = 0
    async for piece in order.pieces():
        prompt_tokens = piece.prompt_tokens
        _grow(choices, piece)
    return JSONResponse(reply.whole(choices, prompt_tokens))


async def _streamed(request: ChatRequest, order: Order, reply: Reply) -> Response:
    pieces = order.pieces()
    first = await anext(pieces)  # what cannot be answered at all is an error, not a stream
    counted = request.stream_options is not None and request.stream_options.include_usage
    events = _events(first, pieces, order, reply, counted=counted)
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def _events(
    first: Piece, rest: AsyncIterator[Piece], order: Order, reply: Reply, *, counted: bool
) -> AsyncIterator[str]:
    choices = [Choice() for _ in order.seeds]
    try:
        for row in reply.opening(len(choices)):
            yield _event(row)
        for event in _told(first, choices, reply):
            yield event
        async for piece in rest:
            for event in _told(piece, choices, reply):
                yield event
        if counted:
            yield _event(reply.counts(choices, first.prompt_tokens))
        yield "data: [DONE]\n\n"
    except ForgeError as error:
        yield _event(_refusal(error).body())
    finally:
        order.cancel()


def _told(piece: Piece, choices: list[Choice], reply: Reply) -> list[str]:
    _grow(choices, piece)
    return [_event(row) for row in reply.piece(piece.index, piece.text, piece.finish_reason)]


def _grow(choices: list[Choice], piece: Piece) -> None:
    choice = choices[piece.index]
    choice.text += piece.text
    choice.finish_reason, choice.tokens = piece.finish_reason, piece.tokens


def _event(row: dict[str, Any]) -> str:
    return f"data: {json.dumps(row)}\n\n"


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        said = f"{request.method} {request.url.path} is not served; POST /v1/chat/completions and GET /v1/models are"
        return Refused(error.status_code, _INVALID, said).response()
    return _refusal(error).response()


def _refusal(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case RequestValidationError():
            first = error.errors()[0]
            place = [str(part) for part in first["loc"] if part != "body" and first["type"] != "json_invalid"]
            return Refused(400, _INVALID, f"{'.'.join(place) or 'the body'}: {first['msg'].lower()}")
        case HTTPException():
            return Refused(error.status_code, _INVALID, str(error.detail))
        case MachineError():
            return Refused(500, "server_error", str(error))
    return Refused(400, _INVALID, str(error))


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
