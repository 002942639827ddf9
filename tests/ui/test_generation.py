"""Answers of the Playground: streamed from real (tiny) models, verified with the verifier of training."""

import asyncio
import time
from pathlib import Path

import pytest
from chat_server import Reply, openai_reply, serving, sse
from live_models import counted
from tiny import save_tiny_model

from haloforge.config import SftConfig, VerifySettings
from haloforge.errors import VerifierError
from haloforge.records import Problem, Tests
from haloforge.store import Store
from haloforge.ui import generation, loaded_models
from haloforge.ui.generation import Answer
from haloforge.ui.loaded_models import Held
from haloforge.ui.playground_request import Request
from haloforge.ui.widgets import answers

ADD = Problem("add", "Write add(a, b).", tests=Tests("asserts", code=("assert add(1, 2) == 3",)), entry_point="add")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return str(save_tiny_model(folder / "one", seed=1)), str(save_tiny_model(folder / "two", seed=2))


async def collect(request: Request) -> list[tuple[Answer, ...]]:
    return [states async for states in generation.side_by_side(request)]


def test_an_answer_grows_and_ends_with_a_verdict(models: tuple[str, str]) -> None:
    seen = asyncio.run(collect(Request(models[:1], ADD, max_new_tokens=24)))
    texts = [states[0].text for states in seen]
    assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))
    [last] = seen[-1]
    assert (last.state, last.error) == ("done", "") and last.text and last.verdict is not None


def test_two_models_answer_side_by_side(models: tuple[str, str]) -> None:
    seen = asyncio.run(collect(Request(models, ADD, max_new_tokens=24)))
    assert [answer.state for answer in seen[-1]] == ["done", "done"]
    assert seen[-1][0].text != seen[-1][1].text


def test_the_same_seed_gives_the_same_answer(models: tuple[str, str]) -> None:
    request = Request(models[:1], ADD, max_new_tokens=16, seed=3)
    first, second = (asyncio.run(collect(request))[-1][0].text for _ in range(2))
    assert first == second


def test_leaving_early_stops_the_model(models: tuple[str, str]) -> None:
    async def leave() -> list[Answer]:
        stream = generation.side_by_side(Request(models[:1], ADD, max_new_tokens=900))
        first = [(await anext(stream))[0] for _ in range(3)]
        await stream.aclose()
        return first

    asyncio.run(leave())  # returns: the loop waits for its threads, which ended long before 900 tokens
    with loaded_models.borrowed(models[0]):
        pass


def test_time_that_is_up_stops_the_model(models: tuple[str, str]) -> None:
    [last] = asyncio.run(collect(Request(models[:1], ADD, max_new_tokens=900, seconds=0)))[-1]
    assert last.state == "stopped" and last.verdict is None


def test_a_model_that_is_not_there_is_said_in_its_column(models: tuple[str, str]) -> None:
    seen = asyncio.run(collect(Request((models[0], "./nowhere"), ADD, max_new_tokens=8)))
    works, fails = seen[-1]
    assert works.state == "done" and fails.state == "failed" and "nowhere" in fails.error


def test_right_and_wrong_code_are_told_apart() -> None:
    codes = [f"def add(a, b):\n    return a {op} b\n" for op in "+-"]
    verdicts = [generation.verify(ADD, code, VerifySettings()).status for code in codes]
    assert verdicts == ["passed", "wrong_answer"]


def test_what_models_write_never_becomes_markup() -> None:
    answer = Answer("<b>", "writing", text="<script>alert(1)</script>", pieces=3, seconds=1.0)
    shown = answers.render([answer], Request(("<b>",), ADD))
    assert "<script>" not in shown and "<b>" not in shown and "3 tokens/s" in shown


def test_a_model_that_nobody_uses_leaves_the_memory(models: tuple[str, str]) -> None:
    loaded_models.let_go()
    with counted() as alive:
        with loaded_models.borrowed(models[0]):
            loaded_models.let_go()
            assert loaded_models.held() == (Held(models[0], True),), "it is in use"
        loaded_models.let_go(idle_s=60)
        assert loaded_models.held() == (Held(models[0], False),), "it was used just now"
        loaded_models.let_go()
        assert loaded_models.held() == () and alive.count == 0


def test_a_third_model_takes_the_place_of_the_one_used_longest_ago(
    models: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    third = str(save_tiny_model(tmp_path_factory.mktemp("third") / "three", seed=3))
    loaded_models.let_go()
    for model in (*models, models[0], third):
        with loaded_models.borrowed(model):
            pass
    assert {held.name for held in loaded_models.held()} == {models[0], third}


def test_every_model_gives_as_many_answers_as_asked_each_with_a_verdict(models: tuple[str, str]) -> None:
    last = asyncio.run(collect(Request(models, ADD, max_new_tokens=12, samples=3)))[-1]
    assert [len(answer.attempts) for answer in last] == [3, 3] and {answer.state for answer in last} == {"done"}
    assert all(attempt.verdict for answer in last for attempt in answer.attempts)
    assert len({attempt.text for attempt in last[0].attempts}) > 1


def test_what_nothing_here_can_verify_is_said_before_a_word_is_generated(models: tuple[str, str]) -> None:
    cobol = Problem("x", "Write hello.", language="cobol")
    with pytest.raises(VerifierError):
        asyncio.run(collect(Request(models[:1], cobol)))


def answering(number: int, row: dict[str, object]) -> Reply:
    """Streams a right answer where a stream is asked for, and gives a wrong one whole."""
    right, wrong = (f"```python\ndef add(a, b):\n    return a {op} b\n```" for op in "+-")
    if not row.get("stream"):
        return openai_reply(wrong)
    pieces = [{"choices": [{"delta": {"content": piece}}]} for piece in (right[:20], right[20:])]
    return Reply(events=sse(*pieces))


def test_a_model_of_a_server_answers_and_its_answers_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving(answering) as server:
        model = f"openai:some-model@{server.url}/v1"
        [last] = asyncio.run(collect(Request((model,), ADD, samples=3)))[-1]
    assert [attempt.verdict and attempt.verdict.status for attempt in last.attempts] == [
        "passed", "wrong_answer", "wrong_answer",
    ]  # fmt: skip
    assert server.requests[0]["model"] == "some-model" and server.headers[0]["authorization"] == "Bearer secret"
    assert "secret" not in answers.render([last], Request((model,), ADD, samples=3))


def test_a_server_that_is_not_there_is_said_in_its_column() -> None:
    [last] = asyncio.run(collect(Request(("openai:m@http://127.0.0.1:9/v1",), ADD)))[-1]
    assert last.state == "failed" and "127.0.0.1:9" in last.error


def test_a_prompt_that_is_longer_than_the_model_reads_is_said_to_be_too_long(models: tuple[str, str]) -> None:
    long = Problem("long", "add " * 3000, tests=ADD.tests)
    [last] = asyncio.run(collect(Request(models[:1], long)))[-1]
    assert last.state == "failed" and "too long" in last.error


def test_a_model_leaves_the_memory_as_soon_as_a_run_is_at_work(models: tuple[str, str], tmp_path: Path) -> None:
    loaded_models.let_go()
    with Store(tmp_path) as store:
        config = SftConfig.parse({"model": {"name": "m"}, "data": {"train_file": "x.jsonl"}})
        run = store.create_run("sft", config.to_json())
        with loaded_models.borrowed(models[0], tmp_path):
            store.update_run(run.id, status="running")
    deadline = time.monotonic() + 30
    while loaded_models.held() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert loaded_models.held() == ()


def test_a_model_that_ends_by_an_error_of_ours_is_said_to_have_failed(
    models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(generation, "borrowed", no_memory)
    [last] = asyncio.run(collect(Request(models[:1], ADD)))[-1]
    assert last.state == "failed" and "unexpected error" in last.error
