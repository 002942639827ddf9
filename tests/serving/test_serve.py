"""`serve`: OpenAI's API in front of an adapter, with the answers that the same checkpoint gives without a server."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny import save_tiny_adapter, save_tiny_model

from haloforge.cli import main
from haloforge.generate import SamplingParams, open_local
from haloforge.store import Store

KEY = "a-key-of-the-test"
CHAT = [{"role": "user", "content": "Write a Python function that adds two numbers."}]
GREEDY = {"temperature": 0, "max_tokens": 24}


@dataclass(frozen=True)
class Served:
    """A running server and a client that has its key."""

    model: str
    url: str
    client: httpx.Client

    def ask(self, **wishes: Any) -> httpx.Response:
        body = {"model": self.model, "messages": CHAT} | GREEDY | wishes
        return self.client.post(f"{self.url}/chat/completions", json=body)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    model = str(save_tiny_adapter(folder / "adapter", save_tiny_model(folder / "base")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--model", model, "--port", str(port), "--api-key-env", "TEST_KEY"]
    process = subprocess.Popen(
        [sys.executable, "-m", "haloforge.cli", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TEST_KEY": KEY},
    )
    try:
        assert process.stdout
        assert any("is served at" in line for line in process.stdout)
        with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, timeout=60) as client:
            yield Served(model, f"http://127.0.0.1:{port}/v1", client)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


@pytest.fixture(scope="module")
def locally(served: Served) -> str:
    """The greedy answer without a server."""
    engine = open_local(served.model)
    text = "".join(engine.stream(CHAT, SamplingParams(max_new_tokens=24, temperature=0), 0))
    engine.close()
    return text


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_it_names_its_model(served: Served) -> None:
    [row] = served.client.get(f"{served.url}/models").json()["data"]
    assert row["id"] == served.model


def test_an_answer_is_that_of_the_checkpoint(served: Served, locally: str) -> None:
    body = served.ask().json()
    [choice] = body["choices"]
    assert body["object"] == "chat.completion" and choice["message"] == {"role": "assistant", "content": locally}
    assert choice["finish_reason"] in ("stop", "length")
    assert body["usage"]["completion_tokens"] <= 24 and body["usage"]["prompt_tokens"] > 10


def test_a_stream_adds_up_to_the_same_answer(served: Served, locally: str) -> None:
    response = served.ask(stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    *rows, counts = events(response)
    pieces = [row["choices"][0]["delta"].get("content", "") for row in rows]
    assert "".join(pieces) == locally and len([piece for piece in pieces if piece]) > 1
    assert rows[-1]["choices"][0]["finish_reason"] == served.ask().json()["choices"][0]["finish_reason"]
    assert counts["choices"] == [] and counts["usage"] == served.ask().json()["usage"]


def test_requests_at_the_same_time_get_each_its_own_answer(served: Served) -> None:
    wishes = [{"messages": [{"role": "user", "content": f"task {number}"}]} for number in range(6)]
    alone = [served.ask(**wish).json()["choices"][0]["message"] for wish in wishes]
    with ThreadPoolExecutor(6) as pool:
        together = [*pool.map(lambda wish: served.ask(**wish).json()["choices"][0]["message"], wishes)]
    assert together == alone


def test_a_seed_gives_the_same_sample_again(served: Served) -> None:
    first, again, other = (served.ask(temperature=1, seed=seed, n=2).json()["choices"] for seed in (5, 5, 70))
    assert first == again != other
    assert first[0]["message"] != first[1]["message"]


@pytest.mark.parametrize(
    ("wish", "status", "said"),
    [
        ({"model": "gpt"}, 404, "the model 'gpt' is not served here"),
        ({"tools": [{"type": "function"}]}, 400, "tools is not supported"),
        ({"repetition_penalty": 1.1}, 400, "repetition_penalty is not supported"),
        ({"max_tokens": 0}, 400, "max_tokens: "),
        ({"messages": []}, 400, "messages: "),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, 400, "the prompt is too long"),
        ({"messages": [{"role": "user", "content": "word " * 2000}], "stream": True}, 400, "the prompt is too long"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_a_sentence(
    served: Served, wish: dict[str, Any], status: int, said: str
) -> None:
    response = served.ask(**wish)
    assert response.status_code == status and said in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("chat/completions", b"{", 400, "the body: json decode error"),
        ("chat/completions", b'{"model": "\xff"}', 400, "error parsing the body"),
        ("chat/completions", b"[" * 100_000, 400, "error parsing the body"),
        ("completions", b"{}", 404, "POST /v1/completions is not served; POST /v1/chat/completions"),
        ("models", b"{}", 405, "POST /v1/models is not served"),
    ],
)
def test_what_is_no_request_gets_a_sentence_too(served: Served, path: str, body: bytes, status: int, said: str) -> None:
    response = served.client.post(f"{served.url}/{path}", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status and said in response.json()["error"]["message"]


def test_half_a_character_is_refused(served: Served) -> None:
    body = json.dumps({"model": served.model, "messages": [{"role": "user", "content": "\ud800"}]})
    headers = {"content-type": "application/json"}
    response = served.client.post(f"{served.url}/chat/completions", content=body, headers=headers)
    assert response.status_code == 400 and "half of a surrogate pair" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_strangers_get_nothing(served: Served, headers: dict[str, str], status: int) -> None:
    assert served.client.get(f"{served.url}/models", headers=headers).status_code == status


def test_our_benchmark_of_the_server_finds_the_answers_of_the_checkpoint(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    data = ["--dataset", "starter-easy", "--limit", "3", "--output", "test.jsonl", "--purpose", "benchmark"]
    assert main(["data", "prepare", *data]) == 0
    asked = ["--model", served.model, "--prompts", "test.jsonl", "--samples", "1", "--k", "1"]
    asked += ["--max-new-tokens", "24", "--temperature", "0"]
    assert main(["benchmark", "run", *asked, "--output", "local.json"]) == 0
    server = ["--backend", "openai", "--base-url", served.url, "--output", "served.json"]
    assert main(["benchmark", "run", *asked, *server]) == 0
    assert texts("local") == texts("served") and len(texts("local")) == 3


def texts(name: str) -> dict[str, str]:
    with Store() as store:
        [run] = [run for run in store.runs() if run.config.get("output") == f"{name}.json"]
        return {row.sample.task_id: row.sample.text for row in store.samples(run.id)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--api-key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--port", "busy"], "cannot be listened on"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(words: list[str], said: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = [str(other.getsockname()[1]) if word == "busy" else word for word in words]
        command = [sys.executable, "-m", "haloforge.cli", "serve", "--model", "smollm2-135m", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
