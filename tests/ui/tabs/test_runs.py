"""Runs: what its buttons do, and one click that queues a whole pipeline."""

from pathlib import Path

import gradio as gr
from seeded import PREPARE, make_run

from haloforge.config import STAGES
from haloforge.store import Store
from haloforge.ui.form import Form
from haloforge.ui.page import Page
from haloforge.ui.tabs import runs


def test_one_click_queues_it_all_each_run_after_the_one_before(store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root)
    message = runs.queue_pipeline(page, "starter-easy", "python", "smollm2-135m", "models/p", runs.SMALL)
    queued = list(reversed(store.runs()))
    assert "Queued 6 runs" in message and [run.status for run in queued] == ["queued"] * 6
    assert [run.parent for run in queued[1:]] == [run.id for run in queued[:-1]]


def test_the_commands_of_a_pipeline_are_shown_without_queueing_anything(store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root)
    message = runs.show_pipeline(page, "starter-easy", "", "smollm2-135m", "models/p", runs.SMALL)
    assert message.count("halo-forge ") == 6 and store.runs() == []


def test_a_resumed_run_waits_in_the_queue_and_is_shown(store: Store) -> None:
    run = make_run(store, status="stopped")
    assert runs.resume(store, {"tab": "runs"}, run.id) == f"?tab=runs&run={run.id}"
    assert store.run(run.id).status == "queued"


def test_a_run_again_has_its_settings_and_an_output_of_its_own(store: Store, tmp_path: Path) -> None:
    config = PREPARE.model_copy(update={"dataset": "starter-easy", "output": str(tmp_path / "train.jsonl")})
    old = make_run(store, config, "done", name="the data")
    address = runs.again(store, {"tab": "runs", "find": "data"}, old.id)
    new = store.waiting()[0]
    assert address == f"?tab=runs&run={new.id}&find=data" and new.name == "the data"
    assert new.config == {**old.config, "output": str(tmp_path / "train-2.jsonl")}
    runs.again(store, {"tab": "runs"}, new.id)
    assert store.waiting()[1].config["output"] == str(tmp_path / "train-3.jsonl")


def test_a_deleted_run_leaves_the_list_as_it_was(store: Store) -> None:
    run = make_run(store, PREPARE, "done")
    view = {"tab": "runs", "run": run.id, "ask": "delete", "stage": "sft", "runs": "1"}
    assert runs.delete(store, view, run.id) == "?stage=sft&runs=1&tab=runs" and store.runs() == []


def test_the_pipeline_takes_what_was_typed_into_the_forms_of_the_tabs(store: Store) -> None:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root)
        page.forms |= {stage: Form(STAGES[stage], lambda kind: []) for stage in ("sft", "raft", "benchmark")}
    typed = [value for form in page.forms.values() for value in shown(form, {"seed": 5})]
    by_stage = runs.settings_of(page, runs.TYPED, typed)
    assert {stage: flat["seed"] for stage, flat in by_stage.items()} == dict.fromkeys(("sft", "raft", "benchmark"), 5)


def shown(form: Form, values: dict[str, object]) -> list[object]:
    """What the fields hold after `values` were put into them."""
    return [update.get("value") for update in form.show(values)]
