"""Engines behind HTTP, against real servers on the loopback."""

import socket
import threading
import time
from typing import Any

import pytest
from chat_server import Reply, anthropic_reply, openai_reply, serving, sse

from haloforge.errors import BackendError, ConfigError
from haloforge.generate import SampleRequest, SamplingParams, open_engine
from haloforge.generate.anthropic import anthropic_engine
from haloforge.generate.openai import ollama_engine, openai_engine
from haloforge.generate.prompts import HALO
from haloforge.generate.servers import ServerEngine
from haloforge.records import Problem, Sample

FENCED = "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```\n"
PROBLEMS = [Problem(task_id=f"t/{number}", prompt=f"Task {number}", entry_point="add") for number in range(3)]
PARAMS = SamplingParams(max_new_tokens=64, temperature=0.5, top_p=0.9, stop=("\nEND",))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "ant-test")


def samples_of(engine: ServerEngine, n: int = 1, problems: list[Problem] = PROBLEMS) -> list[Sample]:
    try:
        return sorted(engine.generate(SampleRequest(problems, n, PARAMS, 7)), key=lambda s: (s.task_id, s.index))
    finally:
        engine.close()


def at(url: str, **more: Any) -> ServerEngine:
    return openai_engine("m", HALO, base_url=f"{url}/v1", backoff_s=0.01, **more)


def claude_at(url: str) -> ServerEngine:
    return anthropic_engine("claude", HALO, base_url=url, backoff_s=0.01)


def test_every_problem_gets_n_samples_with_code_and_token_counts() -> None:
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        samples = samples_of(at(server.url), n=2)
    assert [(s.task_id, s.index) for s in samples] == [(f"t/{p}", i) for p in range(3) for i in range(2)]
    assert {s.code for s in samples} == {"def add(a, b):\n    return a + b\n"}
    assert {(s.prompt_tokens, s.completion_tokens, s.finish_reason) for s in samples} == {(31, 12, "stop")}


def test_a_request_carries_the_chat_the_sampling_and_a_seed_of_its_own() -> None:
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        samples = samples_of(at(server.url), n=2, problems=PROBLEMS[:1])
    first = server.requests[0]
    assert server.paths == ["/v1/chat/completions"] * 2
    assert first["messages"] == HALO.messages(PROBLEMS[0])
    assert (first["model"], first["max_tokens"], first["temperature"], first["top_p"]) == ("m", 64, 0.5, 0.9)
    assert first["stop"] == ["\nEND"]
    assert {row["seed"] for row in server.requests} == {sample.seed for sample in samples}
    assert len({sample.seed for sample in samples}) == 2


def test_the_key_is_sent_as_a_header_only() -> None:
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        samples_of(at(server.url))
    assert server.headers[0]["authorization"] == "Bearer sk-test"
    assert "sk-test" not in str(server.requests)


def test_ollama_gets_no_key() -> None:
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        samples_of(ollama_engine("m", HALO, base_url=f"{server.url}/v1"))
    assert "authorization" not in server.headers[0]


def test_a_cut_answer_says_so() -> None:
    with serving(lambda number, row: openai_reply("```python\ndef add(a,", "length")) as server:
        assert {s.finish_reason for s in samples_of(at(server.url))} == {"length"}


def test_an_answer_without_content_is_an_empty_sample() -> None:
    empty = openai_reply("")
    empty.body["choices"][0]["message"]["content"] = None
    with serving(lambda number, row: empty) as server:
        assert [(s.text, s.code) for s in samples_of(at(server.url))] == [("", None)] * 3


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    busy = Reply(429, {"error": {"message": "slow down"}}, headers={"Retry-After": "0.3"})
    started = time.monotonic()
    with serving(lambda number, row: busy if number == 0 else openai_reply(FENCED)) as server:
        samples = samples_of(at(server.url), problems=PROBLEMS[:1])
    assert [s.finish_reason for s in samples] == ["stop"]
    assert len(server.requests) == 2
    assert time.monotonic() - started >= 0.3  # a promise to the server, whatever the load here


def test_a_server_that_keeps_failing_gives_samples_marked_as_errors() -> None:
    def failing_for_one(number: int, row: dict[str, Any]) -> Reply:
        is_second = "Task 1" in row["messages"][-1]["content"]
        return Reply(500, "oops") if is_second else openai_reply(FENCED)

    with serving(failing_for_one) as server:
        samples = samples_of(at(server.url))
    assert [s.finish_reason for s in samples] == ["stop", "error", "stop"]
    assert (samples[1].text, samples[1].code) == ("", None)
    assert len(server.requests) == 2 + 6


def test_a_refused_key_ends_it_at_once_with_one_sentence() -> None:
    refusal = Reply(401, {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}})
    with serving(lambda number, row: refusal) as server, pytest.raises(BackendError) as caught:
        samples_of(at(server.url, concurrency=1))
    assert len(server.requests) == 1
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "Incorrect API key" in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_is_named_in_the_servers_own_words() -> None:
    unknown = Reply(404, {"error": {"message": 'model "m" not found, try pulling it first'}})
    with serving(lambda number, row: unknown) as server, pytest.raises(BackendError, match="try pulling it first"):
        samples_of(at(server.url))


def test_a_page_that_is_no_api_is_one_sentence() -> None:
    page = Reply(200, "<html>hello</html>")
    with serving(lambda number, row: page) as server, pytest.raises(BackendError, match="did not answer with JSON"):
        samples_of(at(server.url))


def test_json_of_another_shape_is_one_sentence() -> None:
    empty = Reply(200, {"choices": []})
    with serving(lambda number, row: empty) as server, pytest.raises(BackendError, match="no chat completion"):
        samples_of(at(server.url))


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(BackendError, match=f"Nothing answers at {url}"):
            samples_of(at(url))


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not a web address"):
        openai_engine("m", HALO, base_url=url)


def test_no_more_requests_fly_than_allowed_and_that_many_do() -> None:
    together = threading.Barrier(3, timeout=20)

    def meet(number: int, row: dict[str, Any]) -> Reply:
        together.wait()  # returns only when three requests are in flight at once
        return openai_reply(FENCED)

    with serving(meet) as server:
        assert len(samples_of(at(server.url, concurrency=3), n=2)) == 6
    assert server.most_at_once == 3


def test_a_stop_ends_with_what_is_there() -> None:
    asked: list[int] = []
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        engine = at(server.url, concurrency=1)
        for sample in engine.generate(SampleRequest(PROBLEMS, 10, PARAMS, 0), lambda: len(asked) >= 2):
            asked.append(sample.index)
        engine.close()
    assert 2 <= len(asked) < 30
    assert len(server.requests) < 30


def test_a_stop_does_not_wait_for_the_servers_pause() -> None:
    stop = threading.Event()

    def busy(number: int, row: dict[str, Any]) -> Reply:
        stop.set()
        return Reply(429, {}, headers={"Retry-After": "3600"})

    with serving(busy) as server:
        engine = at(server.url)
        assert list(engine.generate(SampleRequest(PROBLEMS, 1, PARAMS, 0), stop.is_set)) == []
        engine.close()


def test_a_stop_ends_the_requests_in_flight() -> None:
    asked, over = threading.Event(), threading.Event()

    def slow(number: int, row: dict[str, Any]) -> Reply:
        asked.set()
        over.wait(60)
        return openai_reply(FENCED)

    with serving(slow) as server:
        engine = at(server.url)
        waiting = set[threading.Thread]()

        def should_stop() -> bool:
            waiting.update(thread for thread in threading.enumerate() if thread.name.startswith("generate-openai"))
            return asked.is_set()

        assert list(engine.generate(SampleRequest(PROBLEMS, 1, PARAMS, 0), should_stop)) == []
        for thread in waiting:
            thread.join(30)
        assert waiting and not any(thread.is_alive() for thread in waiting)
        over.set()
        engine.close()


def test_samples_that_are_there_already_are_not_asked_for() -> None:
    skip = {("t/0", 0), ("t/2", 1)}
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        engine = at(server.url)
        found = {(s.task_id, s.index) for s in engine.generate(SampleRequest(PROBLEMS, 2, PARAMS, 0, skip))}
        engine.close()
    assert found == {(f"t/{p}", i) for p in range(3) for i in range(2)} - skip
    assert len(server.requests) == 4


def test_openai_without_a_key_says_which_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(BackendError, match="set OPENAI_API_KEY"):
        open_engine("openai", "gpt-x")


@pytest.mark.parametrize("key", ["sk-secr\u00e9t", "sk-sec\nret"])
def test_a_key_that_no_header_can_hold_is_one_sentence_without_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(BackendError, match="OPENAI_API_KEY holds characters that no key can have") as raised:
        open_engine("openai", "gpt-x")
    assert "sec" not in str(raised.value)


def test_a_line_break_after_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test\r\n")
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        assert len(samples_of(at(server.url))) == 3
    assert {headers["authorization"] for headers in server.headers} == {"Bearer sk-test"}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply(301, "", headers={"Location": "https://elsewhere/v1"}),
            "HTTP 301, it redirects to https://elsewhere/v1",
        ),
        (Reply(200, "no gzip", headers={"Content-Encoding": "gzip"}), "The connection to .* broke"),
        (Reply(200, "[" * 100_000), "did not answer with JSON"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(reply: Reply, said: str) -> None:
    with serving(lambda number, row: reply) as server, pytest.raises(BackendError, match=said):
        samples_of(at(server.url))


def test_another_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving(lambda number, row: openai_reply(FENCED)) as server:
        assert len(samples_of(at(server.url))) == 3


def test_anthropic_is_spoken_to_in_its_own_words() -> None:
    chat = ({"role": "system", "content": "Be terse."}, {"role": "user", "content": "Add."})
    with serving(lambda number, row: anthropic_reply(FENCED)) as server:
        samples = samples_of(claude_at(server.url), problems=[Problem(task_id="a", prompt=chat)])
    request = server.requests[0]
    assert server.paths == ["/v1/messages"]
    assert server.headers[0]["x-api-key"] == "ant-test"
    assert server.headers[0]["anthropic-version"] == "2023-06-01"
    assert request["system"] == "Be terse."
    assert request["messages"] == [{"role": "user", "content": "Add."}]
    assert (request["max_tokens"], request["temperature"]) == (64, 0.5)
    assert request["stop_sequences"] == ["\nEND"]
    assert not request.keys() & {"seed", "top_p"}
    assert (samples[0].code, samples[0].prompt_tokens) == ("def add(a, b):\n    return a + b\n", 31)


def test_an_answer_that_anthropic_cut_says_so() -> None:
    with serving(lambda number, row: anthropic_reply("x", "max_tokens")) as server:
        assert samples_of(claude_at(server.url))[0].finish_reason == "length"


def test_an_overloaded_anthropic_is_asked_again() -> None:
    overloaded = Reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    with serving(lambda number, row: overloaded if number < 2 else anthropic_reply(FENCED)) as server:
        samples = samples_of(claude_at(server.url), problems=PROBLEMS[:1])
    assert [s.finish_reason for s in samples] == ["stop"]


def test_anthropic_streams_in_pieces() -> None:
    rows = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one "}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "two"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    with serving(lambda number, row: Reply(200, events=sse(*rows))) as server:
        engine = claude_at(server.url)
        assert list(engine.stream([{"role": "user", "content": "hi"}], PARAMS, 0)) == ["one ", "two"]
        engine.close()


def test_an_error_inside_anthropics_stream_is_one_sentence() -> None:
    rows = [{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]
    with serving(lambda number, row: Reply(200, events=sse(*rows))) as server:
        engine = claude_at(server.url)
        with pytest.raises(BackendError, match="Overloaded"):
            list(engine.stream([{"role": "user", "content": "hi"}], PARAMS, 0))
        engine.close()


def test_anthropic_without_a_key_says_which_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(BackendError, match="set ANTHROPIC_API_KEY"):
        open_engine("anthropic", "claude")


def test_anthropics_range_of_temperatures_is_kept_before_asking() -> None:
    with serving(lambda number, row: anthropic_reply(FENCED)) as server:
        engine = claude_at(server.url)
        with pytest.raises(ConfigError, match="from 0 to 1"):
            list(engine.generate(SampleRequest(PROBLEMS, 1, SamplingParams(temperature=1.5), 0)))
        engine.close()
    assert server.requests == []
