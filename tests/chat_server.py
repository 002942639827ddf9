"""A real HTTP server on the loopback that answers as recorded servers do, for tests of generation over HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What to answer one request with; `events` makes it a stream."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass
class ChatServer:
    """The requests it got, in order, and its address."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0


@contextmanager
def serving(answer: Callable[[int, dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    """Serve until the block ends; `answer` gets the number of the request (from 0) and its JSON."""
    lock, server_state, flying = threading.Lock(), ChatServer(""), 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal flying
            row = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(server_state.requests)
                server_state.requests.append(row)
                server_state.paths.append(self.path)
                server_state.headers.append({name.lower(): value for name, value in self.headers.items()})
                flying += 1
                server_state.most_at_once = max(server_state.most_at_once, flying)
            reply = answer(number, row)
            body = "".join(reply.events) if reply.events else reply.body
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            with lock:
                flying -= 1
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that hangs up in the middle is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server_state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server_state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def openai_reply(text: str, finish_reason: str = "stop") -> Reply:
    """A chat completion as vLLM and Ollama give it."""
    return Reply(
        body={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1763800000,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "logprobs": None,
                    "finish_reason": finish_reason,
                }
            ],
            "usage": {"prompt_tokens": 31, "completion_tokens": 12, "total_tokens": 43},
        }
    )


def anthropic_reply(text: str, stop_reason: str = "end_turn") -> Reply:
    """A message as Anthropic gives it."""
    return Reply(
        body={
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {"input_tokens": 31, "output_tokens": 12},
        }
    )


def sse(*rows: dict[str, Any]) -> tuple[str, ...]:
    """Server-sent events of JSON objects."""
    return tuple(f"data: {json.dumps(row)}\n\n" for row in rows)
