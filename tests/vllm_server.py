"""A stub of vLLM's completions server on loopback: a tiny model behind the same addresses, adapters loaded by path.

It samples with our own decoder, one completion at a time, so its tokens and log-probs can be compared with the local
engine's. What it gets is written down. Statuses and messages are those of vLLM 0.32.0, which `test_real_vllm` asks.
"""

import json
import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from haloforge.generate.decoding import Decoder, Ending, Row, pick
from haloforge.models import LoadedModel, load

_ONE_AT_A_TIME = threading.Lock()
"""All stubs of a process share its cores."""


@dataclass
class Stub:
    """One server: its model and adapters, what it was asked, and when it dies (after so many completions)."""

    base: str
    says: str = ""
    dies_after: int | None = None
    max_lora_rank: int = 16
    is_broken: bool = False
    is_chat_only: bool = False
    is_processed: bool = False
    url: str = ""
    adapters: dict[str, str] = field(default_factory=dict)
    loaded: list[tuple[str, str]] = field(default_factory=list)
    unloaded: list[str] = field(default_factory=list)
    completions: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, LoadedModel] = field(default_factory=dict)

    @property
    def is_dead(self) -> bool:
        """Whether it answers nothing any more."""
        return self.dies_after is not None and len(self.completions) > self.dies_after

    def listed(self) -> list[dict[str, Any]]:
        """The rows of `/v1/models`."""
        base = self.says or self.base
        rows: list[dict[str, Any]] = [{"id": base, "root": base, "parent": None, "max_model_len": 512}]
        of_adapters = {"parent": base, "max_model_len": None}
        return rows + [{"id": name, "root": path, **of_adapters} for name, path in self.adapters.items()]

    def load(self, row: dict[str, Any]) -> tuple[int, Any]:
        """`/v1/load_lora_adapter`."""
        name, path = row["lora_name"], row["lora_path"]
        if name in self.adapters:
            return 400, _error(f"The lora adapter '{name}' has already been loaded.")
        file = Path(path, "adapter_config.json")
        if not file.is_file():
            return 404, _error(f"Loading lora {name} failed: No adapter found for {path}")
        if (rank := json.loads(file.read_text())["r"]) > self.max_lora_rank:
            reason = f"LoRA rank {rank} is greater than max_lora_rank {self.max_lora_rank}."
            return 500, _error(f"Call to add_lora method failed: Worker failed with error '{reason}'")
        self.adapters[name] = path
        self.loaded.append((name, path))
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def unload(self, row: dict[str, Any]) -> tuple[int, Any]:
        """`/v1/unload_lora_adapter`."""
        if self.adapters.pop(row["lora_name"], None) is None:
            return 404, _error(f"The lora adapter '{row['lora_name']}' cannot be found.")
        self.unloaded.append(row["lora_name"])
        return 200, f"Success: LoRA adapter '{row['lora_name']}' removed successfully."

    def complete(self, row: dict[str, Any]) -> tuple[int, Any]:
        """`/v1/completions` with prompt ids."""
        if row["model"] != self.base and row["model"] not in self.adapters:
            return 404, _error(f"The model `{row['model']}` does not exist. Valid aliases: <path>")
        if self.is_chat_only:
            return 200, {"choices": [{"text": "Hello", "logprobs": None, "finish_reason": "stop"}]}
        with _ONE_AT_A_TIME:
            done = _sampled(self._model(row["model"]), row)
        choice = {
            "text": "not read",
            "token_ids": done.tokens,
            "logprobs": {"token_logprobs": [0.0] * len(done.tokens) if self.is_processed else done.logprobs},
            "finish_reason": done.finish_reason,
        }
        return 200, {"choices": [choice], "usage": {"completion_tokens": len(done.tokens)}}

    def _model(self, name: str) -> LoadedModel:
        path = self.adapters.get(name, self.base)
        if path not in self.models:
            self.models[path] = load(path, device="cpu")
        return self.models[path]


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "a type", "param": None, "code": 0}}


@contextmanager
def stubs(*servers: Stub) -> Iterator[list[str]]:
    """Serve until the block ends; the addresses."""
    running = [_start(stub) for stub in servers]
    try:
        yield [stub.url for stub in servers]
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *args: object) -> None:
        """A connection that one side closes is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    """Answers for `stub`, and where there is a `key`, only to who sends it."""

    protocol_version = "HTTP/1.1"
    stub: Stub
    key: str

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(503 if self.stub.is_broken else 200, "")
        elif self._is_known():
            self._send(200, {"object": "list", "data": self.stub.listed()})

    def do_POST(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._is_known():
            return
        stub = self.stub
        if self.path == "/v1/completions" and row["max_tokens"] > 1:
            stub.completions.append(row)
        answer = {
            "/v1/load_lora_adapter": stub.load,
            "/v1/unload_lora_adapter": stub.unload,
            "/v1/completions": stub.complete,
        }[self.path]
        broken = (500, _error("EngineCore encountered an issue."))
        self._send(*((200, None) if stub.is_dead else broken if stub.is_broken else answer(row)))

    def _is_known(self) -> bool:
        is_known = not self.key or self.headers["authorization"] == f"Bearer {self.key}"
        if not is_known:
            self._send(401, {"error": "Unauthorized"})
        return is_known

    def _send(self, status: int, body: Any) -> None:
        if self.stub.is_dead:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def _start(stub: Stub, port: int = 0) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"stub": stub, "key": os.environ.get("VLLM_API_KEY", "")})
    server = _Server(("127.0.0.1", port), handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@torch.inference_mode()
def _sampled(loaded: LoadedModel, row: dict[str, Any]) -> Row:
    """The completion that the local engine would give, computed plainly."""
    torch.set_num_threads(1)
    stop = tuple(row.get("stop", ()))
    done = Row(0, row["prompt"], row["max_tokens"], random.Random(row.get("seed", 0)), stop)
    decode = partial(loaded.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    choose = partial(pick, temperature=row["temperature"], top_p=row.get("top_p", 1.0), top_k=row.get("top_k", 0))
    decoder = Decoder(choose, Ending(frozenset(row.get("stop_token_ids", ())), decode), lambda: False)
    ids, cache = torch.tensor([row["prompt"]]), None
    while done.finish_reason is None:
        out = loaded.model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        ids = decoder.advance([done], out.logits[:, -1])[:, None]
    return done


if __name__ == "__main__":  # as `vllm serve MODEL ... --port PORT`
    print(*sys.argv, flush=True)
    _start(Stub(sys.argv[2]), int(sys.argv[sys.argv.index("--port") + 1]))
    threading.Event().wait()
