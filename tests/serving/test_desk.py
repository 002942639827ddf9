"""What a server does with clients that leave, send too much, or may not ask: no model, and no network."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI

from haloforge.config import ServeConfig
from haloforge.errors import MachineError
from haloforge.generate import SamplingParams
from haloforge.generate.decoding import Row
from haloforge.records import Message
from haloforge.serving.desk import Desk, Order
from haloforge.serving.server import build

CHAT: list[Message] = [{"role": "user", "content": "hi"}]
BODY = json.dumps({"model": "mine", "messages": CHAT}).encode()
KEY = "a-key-of-the-test"


class SilentDesk(Desk):
    """Keeps orders and answers none."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def take(self, order: Order) -> None:
        self.orders.append(order)


class WordEngine:
    """Answers every chat with one word, but for one at which it fails."""

    def chat(self, messages: Sequence[Message], params: SamplingParams, seed: int) -> Row:
        if messages[0]["content"] == "bad":
            raise RuntimeError("no")
        return Row(0, [1], 1, None)  # type: ignore[arg-type]

    def pieces(self, rows: Sequence[Row], params: SamplingParams) -> Iterator[tuple[Row, str]]:
        for row in rows:
            row.finish_reason = "stop"
            yield row, "word"


def application(desk: Desk) -> FastAPI:
    return build(ServeConfig.parse({"model": "mine", "api_key_env": "TEST_KEY"}), desk, KEY)


def answer(app: FastAPI, *received: dict[str, Any], key: str = KEY) -> list[dict[str, Any]]:
    """What the application sends, given what it receives; it never receives more."""
    sent: list[dict[str, Any]] = []
    waiting = iter(received)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode())]
    headers += [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers, "query_string": b""}
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    return sent


def chunk(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_an_answer_that_nobody_waits_for_any_more_is_cancelled() -> None:
    desk = SilentDesk()
    answer(application(desk), chunk(BODY), {"type": "http.disconnect"})
    assert [order.is_cancelled for order in desk.orders] == [True]


def test_the_body_of_a_stranger_is_not_read() -> None:
    start, _ = answer(application(SilentDesk()), key="wrong")
    assert start["status"] == 401


def test_a_body_without_an_end_is_refused() -> None:
    megabyte = chunk(b" " * 2**20, more=True)
    start, body = answer(application(SilentDesk()), *[megabyte] * 17)
    assert start["status"] == 413 and "16 MiB" in json.loads(body["body"])["error"]["message"]


async def said(order: Order) -> str:
    return "".join([piece.text async for piece in order.pieces()])


def test_a_request_that_fails_takes_none_that_came_with_it_along(caplog: pytest.LogCaptureFixture) -> None:
    async def both() -> list[Any]:
        desk = Desk(WordEngine())  # type: ignore[arg-type]
        orders = [Order([{"role": "user", "content": text}], SamplingParams(), [0]) for text in ("good", "bad")]
        for order in orders:
            desk.take(order)
        return await asyncio.gather(*map(said, orders), return_exceptions=True)

    good, bad = asyncio.run(both())
    assert good == "word" and isinstance(bad, MachineError) and "RuntimeError" in str(bad)
    assert "RuntimeError: no" in caplog.text


def test_a_server_that_is_stopped_answers_no_more() -> None:
    async def stopped() -> list[Any]:
        desk = Desk(WordEngine())  # type: ignore[arg-type]
        desk.close()
        order = Order(CHAT, SamplingParams(), [0])
        desk.take(order)
        return await asyncio.gather(said(order), return_exceptions=True)

    [found] = asyncio.run(stopped())
    assert isinstance(found, MachineError) and "being stopped" in str(found)
