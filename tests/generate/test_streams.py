"""Answers of OpenAI's protocol that come in pieces, and a stop while they do."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import Reply, serving, sse

from haloforge.errors import BackendError
from haloforge.generate import SamplingParams
from haloforge.generate.openai import openai_engine
from haloforge.generate.prompts import HALO
from haloforge.generate.servers import ServerEngine
from haloforge.generate.transport import Transport
from haloforge.generate.web import Client

PARAMS = SamplingParams(max_new_tokens=64, temperature=0.5)
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def at(url: str) -> ServerEngine:
    return openai_engine("m", HALO, base_url=f"{url}/v1", backoff_s=0.01)


def chunks(*texts: str) -> Iterator[dict[str, Any]]:
    for text in texts:
        yield {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield {"choices": [], "usage": {"completion_tokens": 2}}


def test_a_stream_comes_in_pieces() -> None:
    events = (": keep-alive\n\n", *sse(*chunks("def ", "f(): é")), "data: [DONE]\n\n")
    with serving(lambda number, row: Reply(200, events=events)) as server:
        engine = at(server.url)
        pieces = list(engine.stream(HI, PARAMS, 0))
        engine.close()
    assert pieces == ["def ", "f(): é"]
    assert server.requests[0]["stream"] is True


@pytest.mark.parametrize("pieces", [(), ("def ",)])
def test_a_stop_ends_a_stream_whose_server_is_silent(pieces: tuple[str, ...]) -> None:
    stop, answer = threading.Event(), "".join(sse(*chunks(*pieces))[: len(pieces)])

    def start_to_answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{answer}".encode())
            if not pieces:
                stop.set()
            while connection.recv(65536):  # until the client hangs up
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=start_to_answer, args=(listening,))
        server.start()
        engine, found = at(f"http://127.0.0.1:{listening.getsockname()[1]}"), []
        for piece in engine.stream(HI, PARAMS, 0, stop.is_set):
            found.append(piece)
            stop.set()
        engine.close()
        server.join()
    assert tuple(found) == pieces


def test_a_stop_that_is_due_before_a_stream_begins_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Transport._streamed

    def late(transport: Transport, client: Client, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        while not client._is_closing:
            time.sleep(0.01)
        yield from begin(transport, client, payload)

    monkeypatch.setattr(Transport, "_streamed", late)
    with serving(lambda number, row: Reply(200, events=sse(*chunks("def ")))) as server:
        engine = at(server.url)
        assert list(engine.stream(HI, PARAMS, 0, lambda: True)) == []
        engine.close()


def test_a_stream_that_is_refused_is_one_sentence() -> None:
    with serving(lambda number, row: Reply(403, {"error": "no"})) as server:
        engine = at(server.url)
        with pytest.raises(BackendError, match="refused the key"):
            list(engine.stream(HI, PARAMS, 0))
        engine.close()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, "<html>hello</html>"), "did not answer with a stream of text"),
        (Reply(200, events=sse({"choices": [{"delta": {"content": 7}}]})), "no chat completion"),
        (Reply(200, events=sse({"choices": [{"delta": None}]})), "no chat completion"),
    ],
)
def test_a_stream_that_is_none_is_one_sentence(reply: Reply, said: str) -> None:
    with serving(lambda number, row: reply) as server:
        engine = at(server.url)
        with pytest.raises(BackendError, match=said):
            list(engine.stream(HI, PARAMS, 0))
        engine.close()
