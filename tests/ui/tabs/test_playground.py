"""The Playground: what its buttons do, and what is sent to its controls."""

import asyncio
from pathlib import Path

import gradio as gr
import pytest
from seeded import add_samples, make_run
from tiny import save_tiny_model

from haloforge.problems import load_problems
from haloforge.records import Problem, Tests, Verdict
from haloforge.store import Store
from haloforge.ui import loaded_models
from haloforge.ui.generation import Answer
from haloforge.ui.given_answers import Given
from haloforge.ui.page import Page
from haloforge.ui.playground_request import ASSERTS, PROBLEM, Controls, Request
from haloforge.ui.tabs import playground

ADD = Problem("add", "Write add(a, b).", tests=Tests("asserts", code=("assert add(1, 2) == 3",)))
RIGHT = "def add(a, b):\n    return a + b\n"
USUAL = Controls(
    models=[], prompt="Write add(a, b).", verify_with=ASSERTS, language="python", asserts="assert add(1, 2) == 3",
    compare="tokens", file="", task="", samples=1, max_new_tokens=12, temperature=0.7, seed=1, reward="graded",
    partial=False, run_untested=True, threshold=0.5, time_limit_s=10, blind=False,
)  # fmt: skip


def typed(**values: object) -> list[object]:
    """What the page sends, with some controls changed."""
    return [*USUAL._replace(**values)[:-1]]  # type: ignore[arg-type]


def shown_by(*sent: object) -> list[str]:
    async def stream() -> list[str]:
        return [markup async for markup, _ in playground.generate(None, *sent)]

    return asyncio.run(stream())


def test_generation_streams_markup_and_ends_with_a_verdict(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = str(save_tiny_model(tmp_path_factory.mktemp("model")))
    shown = shown_by(*typed(models=[model]))
    assert len(shown) > 1 and "Sandbox" in shown[-1]


def test_generation_that_cannot_start_says_why() -> None:
    assert "Choose a model first." in shown_by(*typed())[0]


def test_pasted_code_is_judged_by_the_pasted_tests() -> None:
    shown = list(playground.verify_own(None, RIGHT, *typed()))
    assert 'class="chip passed"' in shown[-1]
    assert "Verifying" in shown[0] and "chip" not in shown[0], "the verdict of earlier code is gone at once"


def test_a_sample_or_problem_that_is_gone_is_said(store: Store) -> None:
    for view, what in (
        ({"from": "sample", "sample": "7"}, "sample 7"),
        ({"from": "problem", "file": "gone.jsonl", "task": "add"}, "problem add"),
    ):
        assert f"The {what} is not there any more" in playground.memory_line(store, view)


def test_after_stop_no_answer_is_shown_as_growing() -> None:
    markup, given, button = playground.stopped(Given(Request(("m",), ADD), [Answer("m", "writing", "def")]))
    assert given.answers[0].state == "stopped" and "stopped" in markup
    assert button == gr.update(interactive=False), "it keeps its name"


def test_a_sample_arrives_with_its_prompt_its_tests_and_its_code(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"])
    [judged] = store.samples(run.id)
    view = {"tab": "playground", "from": "sample", "run": run.id, "task": "add", "sample": str(judged.id)}
    for address in (view, {"tab": "playground", "sample": str(judged.id)}):
        filled = dict(zip(playground.FILLED, playground.opened(store, address), strict=True))
        assert [filled[name] for name in ("prompt", "verify_with", "language")] == [
            "Write add(a, b).",
            PROBLEM,
            "python",
        ]
        assert (filled["own_code"], filled["threshold"], filled["reward"]) == (judged.sample.code, 0.5, "graded")


def test_nothing_that_was_typed_is_lost_when_the_tab_is_opened_again(store: Store) -> None:
    filled = playground.opened(store, {"tab": "playground"})
    assert not any(isinstance(value, str) or "value" in value for value in filled)


def test_a_line_says_when_a_run_is_at_work(store: Store) -> None:
    loaded_models.let_go()
    assert playground.memory_line(store, {}) == ""
    make_run(store, status="running", name="tonight")
    assert "tonight" in playground.memory_line(store, {}) and "at work" in playground.memory_line(store, {})


def test_the_problems_of_a_file_become_choices(store: Store) -> None:
    chooser = playground.tasks_of(store.root, "starter-easy")
    assert ("easy/python/in-range", "easy/python/in-range") in chooser.choices and chooser.value is None


def test_a_file_that_is_gone_offers_nothing_and_says_so(store: Store) -> None:
    with pytest.warns(UserWarning, match="gone.jsonl is not among the data files any more"):
        assert playground.tasks_of(store.root, "gone.jsonl").choices == []


def test_a_chosen_problem_fills_prompt_language_and_tests() -> None:
    prompt, *rest = playground.chosen_problem(None, "starter-easy", "easy/python/in-range")
    assert prompt and rest == ["python", PROBLEM]
    assert playground.chosen_problem(None, "starter-easy", "nothing") == [gr.skip()] * 3


def given(*models: str, hidden: bool = True) -> Given:
    answers = [Answer(m, "done", f"```python\n{RIGHT}```", 9, 1.0, RIGHT, Verdict("passed", 1.0)) for m in models]
    return Given(Request(models, ADD, blind=hidden), answers, hidden=hidden)


def pick(store: Store, now: Given | None, what: str) -> list[object]:
    with gr.Blocks(analytics_enabled=False):
        return playground.picked(Page(store.root), now, gr.EventData(None, {"pick": what}))


def test_a_blind_vote_hides_the_names_is_stored_and_shows_them(store: Store) -> None:
    before = given("secret/one", "secret/two")
    assert (
        "secret" not in before.markup() and "Model B is best" in before.markup() and "tokens/s" not in before.markup()
    )
    markup, after, *_ = pick(store, before, "vote:1")
    assert "secret/one" in str(markup) and "secret/two is best" in str(markup)
    [vote] = store.votes()
    assert (vote.models, vote.best, vote.statuses) == (("secret/one", "secret/two"), "secret/two", ("passed", "passed"))
    assert isinstance(after, Given) and not after.hidden


def test_a_vote_counts_once(store: Store) -> None:
    now = given("one", "two")
    _, voted, *_ = pick(store, now, "vote:nobody")
    with pytest.warns(UserWarning, match="would not be blind"):
        pick(store, voted, "vote:0")  # type: ignore[arg-type]
    assert [vote.best for vote in store.votes()] == [""]


def test_names_can_be_seen_without_a_vote(store: Store) -> None:
    markup, *_ = pick(store, given("secret/one", "secret/two"), "reveal")
    assert "secret/one" in str(markup) and store.votes() == []


def test_an_answer_goes_into_the_editor(store: Store) -> None:
    assert pick(store, given("one", hidden=False), "edit:0:0")[2] == RIGHT


def test_a_task_becomes_a_problem_that_training_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = playground.add_problem(None, "data/mine.jsonl", "mine/add", True, RIGHT, *typed())
    [problem] = load_problems("data/mine.jsonl")
    assert "has 1 problem now" in said
    assert (problem.entry_point, problem.solution, problem.tests.code) == ("add", RIGHT, ("assert add(1, 2) == 3",))


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("data/mine.jsonl", "def add(a, b):\n    return a\n", "does not pass these tests"),
        ("../mine.jsonl", RIGHT, "a name such as data/mine.jsonl"),
        ("data/mine.txt", RIGHT, "a name such as data/mine.jsonl"),
    ],
)
def test_a_problem_that_no_file_should_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, code: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in playground.add_problem(None, file, "mine/add", True, code, *typed())
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_a_model_of_a_server_joins_the_chosen_ones() -> None:
    update, said = playground.add_server(["one"], "ollama", "qwen2.5-coder:7b", "")
    assert update["value"] == ["one", "ollama:qwen2.5-coder:7b"]
    assert "no address" in playground.add_server([], "openai", "m", "not a url")[1]
