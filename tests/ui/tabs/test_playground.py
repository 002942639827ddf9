"""The Playground's controls: what they ask for, and what is sent to them."""

import asyncio
from typing import Any

import gradio as gr
import pytest
from seeded import add_samples, make_run
from tiny import save_tiny_model

from haloforge.errors import DataError
from haloforge.store import Store
from haloforge.ui.page import Page
from haloforge.ui.tabs import playground
from haloforge.ui.tabs.playground import ASSERTS, COMPILER, PROBLEM

TYPED = ("Write add(a, b).", ASSERTS, "python", "assert add(1, 2) == 3", "", "")


def ask(*typed: Any, a: str = "m", b: str = "", tokens: float = 64) -> Any:
    return playground.asked(None, a, b, *(typed or TYPED), tokens, 0.7, 1)


def test_the_controls_make_a_problem_with_the_pasted_tests() -> None:
    asked = ask()
    assert asked.models == ("m",) and asked.problem.tests.code == ("assert add(1, 2) == 3",)


def test_the_compiler_alone_needs_no_tests() -> None:
    assert ask("Write hello.", COMPILER, "cpp", "assert 1", "", "").problem.tests.kind == "none"


def test_a_problem_brings_its_own_tests_and_language() -> None:
    task = "easy/python/in-range"
    asked = ask("", PROBLEM, "cpp", "", "starter-easy", task)
    assert (asked.problem.task_id, asked.problem.language) == (task, "python") and asked.problem.tests.hidden


def test_a_changed_prompt_keeps_the_tests() -> None:
    asked = ask("In one line, please.", PROBLEM, "python", "", "starter-easy", "easy/python/in-range")
    assert asked.problem.statement == "In one line, please." and asked.problem.tests.hidden


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("", ASSERTS, "python", "", "", ""), "Write a prompt first"),
        (("x", PROBLEM, "python", "", "", ""), "Choose a problem"),
        (("x", PROBLEM, "python", "", "starter-easy", "nothing"), "holds no problem"),
        (("x", PROBLEM, "python", "", "/etc/passwd", "root"), "not among the data files"),
    ],
)
def test_what_is_missing_is_said(typed: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask(*typed)


def test_limits_hold_whatever_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/demo")
    asked = ask(a="smollm2-135m", tokens=10**9)
    assert asked.max_new_tokens == 256 and asked.seconds <= 60


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
    said = playground.verify_own(None, "def add(a, b):\n    return a + b\n", "m", "", *TYPED, 64, 0.7, 1)
    assert 'class="chip passed"' in said


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
