"""The Playground: what its buttons do, and what is sent to its controls."""

import asyncio

import gradio as gr
import pytest
from seeded import add_samples, make_run
from tiny import save_tiny_model

from haloforge.store import Store
from haloforge.ui.page import Page
from haloforge.ui.playground_request import ASSERTS, PROBLEM
from haloforge.ui.tabs import playground

TYPED = ("Write add(a, b).", ASSERTS, "python", "assert add(1, 2) == 3", "", "")


def test_generation_streams_markup_and_ends_with_a_verdict(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = str(save_tiny_model(tmp_path_factory.mktemp("model")))

    async def stream() -> list[str]:
        return [m async for m in playground.generate(None, model, "", *TYPED, 12, 0.7, 1)]

    shown = asyncio.run(stream())
    assert len(shown) > 1 and "Sandbox" in shown[-1]


def test_generation_that_cannot_start_says_why() -> None:
    async def stream() -> list[str]:
        return [m async for m in playground.generate(None, "", "", *TYPED, 12, 0.7, 1)]

    assert "Choose a model first." in asyncio.run(stream())[0]


def test_pasted_code_is_judged_by_the_pasted_tests() -> None:
    shown = list(playground.verify_own(None, "def add(a, b):\n    return a + b\n", "m", "", *TYPED, 64, 0.7, 1))
    assert 'class="chip passed"' in shown[-1]
    assert "Verifying" in shown[0] and "chip" not in shown[0], "the verdict of earlier code is gone at once"


def test_a_sample_arrives_with_its_prompt_its_tests_and_its_code(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"])
    [judged] = store.samples(run.id)
    view = {"tab": "playground", "from": "sample", "run": run.id, "task": "add", "sample": str(judged.id)}
    with gr.Blocks(analytics_enabled=False):
        filled = playground.opened(Page(store.root), store, view)
    assert filled[2:5] == ["Write add(a, b).", PROBLEM, "python"]
    assert filled[-1] == judged.sample.code


def test_nothing_that_was_typed_is_lost_when_the_tab_is_opened_again(store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        filled = playground.opened(Page(store.root), store, {"tab": "playground"})
    assert not any(isinstance(value, str) or "value" in value for value in filled)


def test_a_line_says_when_a_run_is_at_work(store: Store) -> None:
    assert playground.busy_line(store, {}) == ""
    make_run(store, status="running")
    assert "A run is at work" in playground.busy_line(store, {})


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
