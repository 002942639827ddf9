"""The whole pipeline: one press queues it all, with the settings of a preset or those typed into the tabs."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from seeded import make_run

from haloforge.config import STAGES, values
from haloforge.store import Store
from haloforge.ui.form import Form
from haloforge.ui.page import Page
from haloforge.ui.tabs import whole_pipeline

SMALL = ("cpu", "starter-easy", "smollm2-135m", "python")


@pytest.fixture
def page(store: Store) -> Page:
    with gr.Blocks(analytics_enabled=False):
        return Page(store.root)


def test_one_press_queues_it_all_each_run_after_the_one_before(page: Page, store: Store) -> None:
    message = whole_pipeline.start(page, (*SMALL, "models/p"))
    queued = list(reversed(store.runs()))
    assert "Queued 6 runs" in message and [run.status for run in queued] == ["queued"] * 6
    assert [run.parent for run in queued[1:]] == [run.id for run in queued[:-1]]
    assert {run.name for run in queued} == {"p"}


def test_a_second_pipeline_takes_another_folder(page: Page, store: Store) -> None:
    whole_pipeline.start(page, (*SMALL, ""))
    whole_pipeline.start(page, (*SMALL, ""))
    assert {run.name for run in store.runs()} == {"pipeline", "pipeline-2"}


def test_without_a_model_nothing_is_queued(page: Page, store: Store) -> None:
    make_run(store)
    assert "Still to fill in: Model." in whole_pipeline.start(page, ("gpu24", "starter-easy", "", "", ""))
    assert store.count_runs() == 1


def test_a_read_only_page_queues_nothing(store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root, read_only=True)
    assert "read-only" in whole_pipeline.start(page, (*SMALL, "")) and store.runs() == []


def test_the_commands_of_a_pipeline_are_shown(page: Page) -> None:
    shown = whole_pipeline.steps(whole_pipeline.chain_of(page, (*SMALL, "models/p")), None)
    assert shown.count("halo-forge ") == 12  # to read, and to copy


def test_the_pipeline_takes_what_was_typed_into_the_forms_of_the_tabs(page: Page, store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        page.forms |= {stage: Form(STAGES[stage], lambda kind: []) for stage in ("sft", "raft", "benchmark")}
    typed = [value for form in page.forms.values() for value in shown(form, {"seed": 5})]
    by_stage = whole_pipeline.settings_of(page, store, whole_pipeline.TYPED, typed)
    assert {stage: flat["seed"] for stage, flat in by_stage.items()} == dict.fromkeys(("sft", "raft", "benchmark"), "5")


def shown(form: Form, values: dict[str, object]) -> list[Any]:
    """What the fields hold after `values` were put into them."""
    return [update.get("value") for update in form.show(values)]


def test_a_pipeline_may_end_with_a_release_of_what_it_made(page: Page) -> None:
    *chain, last = whole_pipeline.chain_of(page, (*SMALL, "models/p", True))
    assert [config.stage for config in (chain[-1], last)] == ["benchmark", "release"]
    assert values(last)["model"] == "models/p/raft" and last.output_path == Path("models/p/release")
