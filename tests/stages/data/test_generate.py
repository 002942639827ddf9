"""`data generate`: answers become training rows, each exactly once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, openai_reply, serving
from tiny import save_tiny_model

from haloforge.config import GenerateConfig
from haloforge.errors import BackendError, DataError, ModelError, Stopped
from haloforge.files import read_jsonl, write_jsonl
from haloforge.problems import load_training_rows, read_manifest
from haloforge.records import Problem, Tests
from haloforge.stages.data import generate
from haloforge.stages.shared.costs import costs
from haloforge.store import Report, Store

FENCED = "Here:\n```python\ndef add(a, b):\n    return a + b\n```\n"
CODE = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def report(store: Store) -> Report:
    return Report(store, store.create_run("data-generate", {}).id)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("Write add.\n\n  Write sub.  \nWrite mul.\nWrite add.\n", encoding="utf-8")
    return path


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    tests = Tests("asserts", code=("assert add(1, 2) == 3",), hidden=("assert add(2, 2) == 4",))
    path = tmp_path / "problems.jsonl"
    write_jsonl(
        path, [Problem(f"p/{n}", f"Write add {n}.", entry_point="add", tests=tests).to_json() for n in range(3)]
    )
    return path


@contextmanager
def answering(
    reply: Callable[[int, dict[str, Any]], Reply] = lambda n, row: openai_reply(FENCED),
) -> Iterator[ChatServer]:
    with serving(reply) as server:
        yield server


def config(server: ChatServer, prompts: Path, **more: Any) -> GenerateConfig:
    return GenerateConfig(
        prompts=str(prompts),
        backend="ollama",
        model="m",
        base_url=f"{server.url}/v1",
        output=str(prompts.parent / "out.jsonl"),
        **more,
    )


def rows(settings: GenerateConfig) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(settings.output)]


def test_every_line_is_asked_once_and_word_for_word(prompts: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, prompts), report)
        written = rows(config(server, prompts))
    asked = sorted(request["messages"][0]["content"] for request in server.requests)
    assert asked == ["Write add.", "Write mul.", "Write sub."]
    assert sorted(row["prompt"] for row in written) == asked
    assert {row["response"] for row in written} == {FENCED}
    assert {(row["backend"], row["model"], row["finish_reason"]) for row in written} == {("ollama", "m", "stop")}


def test_what_the_answers_cost_is_recorded(prompts: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, prompts), report)
        tokens = sum(row["completion_tokens"] for row in rows(config(server, prompts)))
    assert [(cost.phase, cost.tokens) for cost in costs(report.store, report.run_id)] == [("generate", tokens)]


def test_answers_to_prompts_are_rows_that_sft_reads(prompts: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, prompts), report)
        learned = load_training_rows(config(server, prompts).output)
    assert len(learned.rows) == 3 and not learned.skipped
    assert all(row.messages and row.messages[-1]["content"] == FENCED for row in learned.rows)


def test_answers_to_problems_keep_the_tests_and_carry_the_code(problems: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, problems, samples=2), report)
        learned = load_training_rows(config(server, problems).output)
    assert len(learned.rows) == 6 and not learned.skipped
    assert {row.problem.solution for row in learned.rows if row.problem} == {CODE}
    assert all(row.problem and row.problem.tests.hidden == ("assert add(2, 2) == 4",) for row in learned.rows)


def test_a_cut_answer_is_kept_but_never_learned(prompts: Path, problems: Path, report: Report) -> None:
    for path in (prompts, problems):
        with answering(lambda n, row: openai_reply(FENCED, "length" if n == 0 else "stop")) as server:
            settings = config(server, path, concurrency=1)
            generate.run(settings, report)
        assert len(load_training_rows(settings.output).rows) == 2
        assert sum(row.get("cut_response") == FENCED for row in rows(settings)) == 1
        Path(settings.output).unlink()


def test_the_system_prompt_goes_before_every_question(prompts: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, prompts, system_prompt="Be terse."), report)
    assert all(request["messages"][0] == {"role": "system", "content": "Be terse."} for request in server.requests)


def test_a_second_run_asks_only_for_what_is_missing(problems: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, problems, samples=2), report)
        generate.run(config(server, problems, samples=3), report)
        assert len(server.requests) == 9
        generate.run(config(server, problems, samples=3), report)
        assert len(server.requests) == 9
        keys = [(row["task_id"], row["index"]) for row in rows(config(server, problems))]
    assert sorted(keys) == [(f"p/{n}", i) for n in range(3) for i in range(3)]


def test_a_line_added_above_asks_only_for_that_line(prompts: Path, report: Report) -> None:
    with answering() as server:
        generate.run(config(server, prompts), report)
        prompts.write_text("Write div.\n" + prompts.read_text(encoding="utf-8"), encoding="utf-8")
        generate.run(config(server, prompts), report)
        assert len(rows(config(server, prompts))) == 4
    assert [request["messages"][0]["content"] for request in server.requests[3:]] == ["Write div."]


def test_a_torn_last_line_is_asked_again(problems: Path, report: Report) -> None:
    with answering() as server:
        settings = config(server, problems)
        generate.run(settings, report)
        whole = Path(settings.output).read_bytes()
        Path(settings.output).write_bytes(whole[:-40])
        generate.run(settings, report)
        assert len(server.requests) == 4
    assert sorted(row["task_id"] for row in rows(settings)) == ["p/0", "p/1", "p/2"]


def test_what_the_server_failed_to_answer_is_asked_again_by_the_next_run(
    problems: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haloforge.generate import transport

    monkeypatch.setattr(transport, "_LONGEST_WAIT_S", 0.01)

    def failing_for_one(number: int, row: dict[str, Any]) -> Reply:
        return Reply(503, "busy") if "add 1" in row["messages"][-1]["content"] else openai_reply(FENCED)

    with answering(failing_for_one) as server:
        settings = config(server, problems)
        generate.run(settings, report)
    assert [row["task_id"] for row in rows(settings)] != []
    assert len(rows(settings)) == 2
    assert any("1 requests failed" in event.data["text"] for event in report.store.events(report.run_id, kind="log"))
    with answering() as server:
        generate.run(config(server, problems), report)
        assert len(server.requests) == 1
    assert len(rows(settings)) == 3


def test_a_server_that_answers_nothing_is_an_error(
    problems: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haloforge.generate import transport

    monkeypatch.setattr(transport, "_LONGEST_WAIT_S", 0.01)
    with (
        answering(lambda n, row: Reply(500, "oops")) as server,
        pytest.raises(BackendError, match="answered none of 3"),
    ):
        generate.run(config(server, problems), report)


def test_a_stop_keeps_every_answer_so_far(problems: Path, report: Report) -> None:
    def stop_after_two(number: int, row: dict[str, Any]) -> Reply:
        if number == 1:
            report.interrupt()
        return openai_reply(FENCED)

    with answering(stop_after_two) as server:
        settings = config(server, problems, samples=5, concurrency=1)
        with pytest.raises(Stopped):
            generate.run(settings, report)
        kept = len(rows(settings))
    assert 1 <= kept <= 3


def test_answers_of_another_model_are_not_mixed_in(problems: Path, report: Report) -> None:
    with answering() as server:
        settings = config(server, problems)
        generate.run(settings, report)
        with pytest.raises(DataError, match="was not written by other"):
            generate.run(settings.model_copy(update={"model": "other"}), report)


def test_a_manifest_says_where_the_answers_come_from(problems: Path, report: Report) -> None:
    with answering(lambda n, row: openai_reply(FENCED, "length" if n == 0 else "stop")) as server:
        settings = config(server, problems)
        generate.run(settings, report)
    manifest = read_manifest(settings.output)
    assert manifest is not None
    assert (manifest["source"], manifest["rows_in"], manifest["rows_out"]) == ("ollama: m", 3, 3)
    assert manifest["dropped"] == {"cut at max_new_tokens": 1}
    assert manifest["details"]["temperature"] == 0.7


def test_no_key_is_ever_written(problems: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret")
    with answering() as server:
        settings = config(server, problems).model_copy(update={"backend": "openai"})
        generate.run(settings, report)
    written = [path.read_bytes() for path in problems.parent.rglob("*") if path.is_file()]
    assert not any(b"sk-secret" in content for content in written)
    assert server.headers[0]["authorization"] == "Bearer sk-secret-secret"


def test_a_local_model_answers_too(problems: Path, report: Report) -> None:
    folder = save_tiny_model(problems.parent / "tiny")
    settings = GenerateConfig(
        prompts=str(problems),
        model=str(folder),
        output=str(problems.parent / "out.jsonl"),
        samples=2,
        generation={"max_new_tokens": 8},
    )
    generate.run(settings, report)
    assert sorted((row["task_id"], row["index"]) for row in rows(settings)) == [
        (f"p/{n}", i) for n in range(3) for i in range(2)
    ]


def test_the_dry_run_counts_what_is_there_and_asks_nobody(problems: Path, report: Report) -> None:
    with answering() as server:
        settings = config(server, problems, samples=2)
        assert any("0 of 6 answers" in line for line in generate.dry_run(settings))
        assert server.requests == []
        generate.run(settings, report)
        assert any("6 of 6 answers" in line and "0 to go" in line for line in generate.dry_run(settings))


def test_the_dry_run_needs_no_key(problems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    settings = GenerateConfig(prompts=str(problems), backend="anthropic", model="claude", output="out.jsonl")
    assert any("claude (anthropic)" in line for line in generate.dry_run(settings))


def test_bad_input_is_one_sentence(problems: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
    good = GenerateConfig(prompts=str(problems), model="smollm2-135m", output=str(tmp_path / "out.jsonl"))
    bad: list[tuple[dict[str, str], type[Exception], str]] = [
        ({"prompts": str(tmp_path / "nothing.txt")}, DataError, "does not exist"),
        ({"prompts": str(tmp_path / "empty.txt")}, DataError, "holds no prompts"),
        ({"model": "models/nothing"}, ModelError, "does not exist"),
        ({"output": str(problems)}, DataError, "name another output"),
    ]
    for change, kind, words in bad:
        with pytest.raises(kind, match=words):
            generate.dry_run(good.model_copy(update=change))


def test_rows_are_json_lines_in_utf8(prompts: Path, report: Report) -> None:
    with answering(lambda n, row: openai_reply("naïve 日本 \ud83d")) as server:
        settings = config(server, prompts)
        generate.run(settings, report)
    lines = Path(settings.output).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert all("naïve 日本" in json.loads(line)["response"] for line in lines)
