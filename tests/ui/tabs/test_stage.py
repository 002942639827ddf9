"""Forms queue runs, say what is wrong in one sentence, and show the newest run beside them."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
import pytest
from seeded import PREPARE, RAFT, SFT, add_cycles, make_run

from haloforge.config import STAGES, BenchmarkConfig
from haloforge.models import Metadata, write_metadata
from haloforge.settings import StageConfig, values
from haloforge.store import Store
from haloforge.ui.form import Form
from haloforge.ui.page import Page
from haloforge.ui.tabs import stage


@pytest.fixture
def page(store: Store) -> Page:
    with gr.Blocks(analytics_enabled=False):
        return Page(store.root)


def form_of(config: StageConfig) -> tuple[Form, list[Any]]:
    """A form, and what its fields hold when they say `config`."""
    with gr.Blocks(analytics_enabled=False):
        form = Form(type(config), lambda kind: [])
    return form, [update.get("value") for update in form.show(values(config))]


def test_start_queues_a_run_with_what_the_form_says(page: Page, store: Store) -> None:
    message = stage.start(page, *form_of(PREPARE))
    [run] = store.runs()
    assert (run.stage, run.status, run.config) == ("data-prepare", "queued", PREPARE.to_json())
    assert run.id in message and "good" in message


def test_start_refuses_what_a_dry_run_refuses(page: Page, store: Store) -> None:
    message = stage.start(page, *form_of(SFT))
    assert "error" in message and "data/train.jsonl" in message
    assert store.runs() == []


def test_start_with_an_empty_form_queues_nothing_and_says_what_is_missing(page: Page, store: Store) -> None:
    form, typed = form_of(SFT)
    typed[0] = ""
    assert "Still to fill in: Model name." in stage.start(page, form, typed)
    assert store.runs() == []


def test_start_with_the_output_of_another_run_queues_nothing_and_says_what_to_do(
    page: Page, store: Store, tmp_path: Path
) -> None:
    taken = tmp_path / "final_model"
    taken.mkdir()
    write_metadata(taken, Metadata(stage="sft", run="sft-of-yesterday"))
    message = stage.start(page, *form_of(SFT.changed({"output_dir": str(tmp_path)})))
    assert not store.runs() and "sft-of-yesterday" in message and "another --output" in message


def test_a_dry_run_says_what_would_happen_and_queues_nothing(page: Page, store: Store, tmp_path: Path) -> None:
    config = STAGES["data-prepare"].parse({"output": str(tmp_path / "x.jsonl"), "language": "python"})
    message = stage.dry_run(*form_of(config))
    assert "starter-easy" in message and "nothing was done" in message
    assert store.runs() == [] and not (tmp_path / "x.jsonl").exists()


def test_a_dry_run_that_cannot_go_says_why() -> None:
    config = BenchmarkConfig.parse({"model": "smollm2-135m", "prompts": "nowhere.jsonl"})
    message = stage.dry_run(*form_of(config))
    assert "nowhere.jsonl" in message and 'class="note error"' in message


def test_the_preview_is_the_command_line() -> None:
    assert "halo-forge raft train --prompts data/train.jsonl" in stage.preview(*form_of(RAFT))


def test_a_saved_yaml_loads_to_the_same_settings(tmp_path: Path) -> None:
    config = SFT.load(None, {**{k: v for k, v in values(SFT).items() if v is not None}, "training.learning_rate": 5e-5})
    link = re.search(r'href="data:text/yaml;charset=utf-8,([^"]+)"', stage.save_link(config))
    assert link
    path = tmp_path / "saved.yaml"
    path.write_text(unquote(link[1]), encoding="utf-8")
    form, _ = form_of(SFT)
    message, *fields = stage.load_yaml(form, str(path))
    assert "Loaded saved.yaml" in message
    assert form.parse([field.get("value") for field in fields]) == config


def test_a_yaml_with_an_unknown_key_changes_no_field(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("model:\n  name: x\n  colour: red\n")
    form, _ = form_of(SFT)
    message, *fields = stage.load_yaml(form, str(path))
    assert "bad.yaml: there is no setting" in message and str(tmp_path) not in message
    assert all("value" not in field for field in fields)


def test_a_cloned_run_fills_the_form_of_its_stage(store: Store) -> None:
    run = make_run(store, SFT, "done")
    form, _ = form_of(SFT)
    _, *fields = stage.opened(form, store, {"tab": "sft", "from": run.id})
    assert form.parse([field.get("value") for field in fields]) == SFT


def test_a_form_that_is_opened_again_keeps_what_was_typed(store: Store) -> None:
    form, _ = form_of(SFT)
    _, *fields = stage.opened(form, store, {"tab": "sft"})
    assert all("value" not in field for field in fields)


def test_the_newest_run_panel_follows_the_newest_run_of_its_stage(store: Store) -> None:
    make_run(store, SFT, "done", name="sft run")
    run = make_run(store, RAFT, "running", name="raft run")
    add_cycles(store, run, [0.2])
    shown = stage.newest_run(store, ["raft"])
    assert "raft run" in shown and "sft run" not in shown and "data-chart" in shown


def test_a_stage_without_runs_says_what_to_do(store: Store) -> None:
    assert "No SFT run yet" in stage.newest_run(store, ["sft"])
