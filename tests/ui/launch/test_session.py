"""A form queues runs, says what is wrong beside the field, and takes YAML, drafts and earlier runs."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
import pytest
from seeded import PREPARE, RAFT, SFT, make_run

from haloforge.config import BenchmarkConfig
from haloforge.models import Metadata, write_metadata
from haloforge.settings import StageConfig, values
from haloforge.store import Store
from haloforge.ui.form import Form
from haloforge.ui.launch import panel
from haloforge.ui.launch.planner import Planner
from haloforge.ui.launch.session import Launch


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    """One process for the module: it loads torch."""
    shared = Planner()
    yield shared
    shared.close()


def launch_of(config: StageConfig, root: Path, planner: Planner) -> tuple[Launch, list[Any]]:
    """A form, and what its fields hold when they say `config`."""
    with gr.Blocks(analytics_enabled=False):
        form = Form(type(config), lambda kind: [])
    return Launch(root, form, planner), [update.get("value") for update in form.show(values(config))]


def with_value(launch: Launch, typed: list[Any], path: str, value: Any) -> list[Any]:
    return [value if s.path == path else v for s, v in zip(launch.form.settings, typed, strict=True)]


def facts(preview: str) -> dict[str, Any]:
    """What the preview tells the script of the page."""
    found = re.search(r'data-form="([^"]*)"', preview)
    assert found
    read: dict[str, Any] = json.loads(unescape(found[1]))
    return read


def test_where_there_is_no_data_file_the_form_says_where_to_get_one(
    store: Store, planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    launch, typed = launch_of(RAFT, store.root, planner)
    empty = launch.form.check(with_value(launch, typed, "prompts", None))
    assert "No data file is here yet: " in panel.status(launch.form, empty, None)
    Path("data").mkdir()
    Path("data/train.jsonl").write_text("{}\n")
    assert "No data file" not in panel.status(launch.form, empty, None)


def test_start_queues_a_run_with_what_the_form_says(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(PREPARE, store.root, planner)
    message = launch.start(typed)
    [run] = store.runs()
    assert (run.stage, run.status, run.config) == ("data-prepare", "queued", PREPARE.to_json())
    assert run.id in message and "good" in message


def test_start_refuses_what_a_dry_run_refuses(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(SFT, store.root, planner)
    message = launch.start(typed)
    assert "error" in message and "data/train.jsonl" in message
    assert store.runs() == []


def test_start_with_an_empty_form_queues_nothing_and_says_what_is_missing(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(SFT, store.root, planner)
    assert "Still to fill in: Model name." in launch.start(["", *typed[1:]])
    assert store.runs() == []


def test_start_with_the_output_of_another_run_queues_nothing_and_says_what_to_do(
    store: Store, planner: Planner, tmp_path: Path
) -> None:
    taken = tmp_path / "final_model"
    taken.mkdir()
    write_metadata(taken, Metadata(stage="sft", run="sft-of-yesterday"))
    message = unescape(launch_start(SFT.changed({"output_dir": str(tmp_path)}), store, planner))
    assert not store.runs() and "sft-of-yesterday" in message and 'another "Output folder"' in message


def launch_start(config: StageConfig, store: Store, planner: Planner) -> str:
    launch, typed = launch_of(config, store.root, planner)
    return launch.start(typed)


def test_a_plan_that_cannot_go_turns_start_off_and_says_why_at_its_field(store: Store, planner: Planner) -> None:
    config = BenchmarkConfig.parse({"model": "smollm2-135m", "prompts": "nowhere.jsonl"})
    launch, typed = launch_of(config, store.root, planner)
    planner.plan(config, measures=False)
    status, preview, start = launch.changed("", *typed)
    assert "Start is off" in status and "nowhere.jsonl" in status and start["interactive"] is False
    assert "nowhere.jsonl" in facts(preview)["wrong"]["benchmark-prompts"]


def test_the_preview_is_the_command_line(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(RAFT, store.root, planner)
    assert "halo-forge raft train" in launch.changed("", *typed)[1]
    assert "--prompts data/train.jsonl" in launch.changed("", *typed)[1]


def test_a_wrong_number_is_said_at_its_field_and_start_is_off(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(RAFT, store.root, planner)
    _, preview, start = launch.changed("", *with_value(launch, typed, "raft.num_cycles", "2.5"))
    assert facts(preview)["wrong"] == {"raft-raft-num_cycles": "Should be a whole number (not 2.5)"}
    assert start["interactive"] is False


def test_two_wrong_fields_are_both_said(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(RAFT, store.root, planner)
    typed = with_value(launch, with_value(launch, typed, "lora.r", "0"), "raft.num_cycles", "many")
    assert facts(launch.changed("", *typed)[1])["wrong"].keys() == {"raft-raft-num_cycles", "raft-lora-r"}


def test_groups_count_what_differs_from_the_preset(store: Store, planner: Planner) -> None:
    launch, _ = launch_of(SFT, store.root, planner)
    typed = [v.get("value") for v in launch.preset_chosen("cpu", *([""] * len(launch.form.settings)))]
    assert set(facts(launch.changed("cpu", *typed)[1])["groups"].values()) == {0}
    changed = with_value(launch, typed, "lora.alpha", "64")
    assert facts(launch.changed("cpu", *changed)[1])["groups"]["sft-group-lora"] == 1


def test_a_preset_keeps_the_model_and_the_data_that_were_chosen(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(SFT.changed({"model.name": "org/model"}), store.root, planner)
    updates = dict(zip((s.path for s in launch.form.settings), launch.preset_chosen("gpu24", *typed), strict=True))
    assert "value" not in updates["model.name"] and "value" not in updates["data.train_file"]
    assert updates["training.per_device_train_batch_size"]["value"] == "auto"


def test_a_draft_comes_back_and_holds_no_password(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(SFT, store.root, planner)
    typed = with_value(launch, typed, "training.learning_rate", "3e-5")
    typed = with_value(launch, typed, "model.name", "https://me:secret@host/x")
    draft = facts(launch.changed("cpu", *typed)[1])["draft"]
    assert draft["values"]["training.learning_rate"] == "3e-5" and "secret" not in json.dumps(draft)
    event = gr.EventData(None, {"open": True, "draft": draft})
    _, _, preview, _, preset, *fields = launch.told(event, "", *typed)
    assert facts(preview)["open"] and preset["value"] == "cpu"
    shown = dict(zip((s.path for s in launch.form.settings), fields, strict=True))
    assert shown["training.learning_rate"]["value"] == "3e-5"


def test_a_draft_of_a_run_that_is_gone_begins_with_the_preset_of_the_machine(store: Store, planner: Planner) -> None:
    launch, typed = launch_of(SFT, store.root, planner)
    event = gr.EventData(None, {"open": True, "draft": {"preset": "run:gone", "values": {"lora.r": "7", "old": 1}}})
    *_, preset = launch.told(event, "", *typed)[:5]
    assert preset["value"] in ("cpu", "gpu24", "gpu80")
    assert all("value" not in update for update in launch.preset_chosen("nonsense", *typed))


def test_a_saved_yaml_loads_to_the_same_settings(store: Store, planner: Planner, tmp_path: Path) -> None:
    config = SFT.changed({"training.learning_rate": 5e-5})
    link = re.search(r'href="data:text/yaml;charset=utf-8,([^"]+)"', panel.save_link(config))
    assert link
    path = tmp_path / "saved.yaml"
    path.write_text(unquote(link[1]), encoding="utf-8")
    launch, typed = launch_of(SFT, store.root, planner)
    message, *fields = launch.opened_file(str(path))
    assert "Laid over the form: 3 settings" in message
    new = [field.get("value", old) for field, old in zip(fields, typed, strict=True)]
    assert launch.form.parse(new) == config


def test_a_few_lines_of_yaml_change_these_settings_alone(store: Store, planner: Planner) -> None:
    launch, _ = launch_of(RAFT, store.root, planner)
    _, *fields = launch.laid("raft:\n  num_cycles: 7\n")
    named = {s.path: f["value"] for s, f in zip(launch.form.settings, fields, strict=True) if "value" in f}
    assert named == {"raft.num_cycles": "7"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model:\n  colour: red\n", "there is no setting"),
        ("training:\n  learning_rat: 1\n", "did you mean"),
        ("lora:\n  r: none\n", "Rank"),
        ("a: [", "line 1"),
        ("just words", "names no setting"),
        ("", "names no setting"),
    ],
)
def test_yaml_that_does_not_fit_changes_no_field_and_is_one_sentence(
    text: str, says: str, store: Store, planner: Planner
) -> None:
    launch, _ = launch_of(SFT, store.root, planner)
    message, *fields = launch.laid(text)
    assert says in unescape(message) and "error" in message
    assert all("value" not in field for field in fields)


def test_a_cloned_run_fills_the_form_of_its_stage_but_for_the_output(store: Store, planner: Planner) -> None:
    config = SFT.changed({"lora.r": 4})
    run = make_run(store, config, "done")
    launch, _ = launch_of(SFT, store.root, planner)
    _, preset, *fields = launch.opened(store, {"tab": "sft", "from": run.id})
    typed = [field.get("value") for field in fields]
    assert values(launch.form.parse(typed))["lora.r"] == 4 and preset["value"] == f"run:{run.id}"
    assert dict(zip((s.path for s in launch.form.settings), typed, strict=True))["output_dir"] == ""


def test_a_finished_run_fills_in_the_next_stage(
    store: Store, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(store, SFT, "done", name="first tuning")
    launch, _ = launch_of(RAFT, store.root, planner)
    message, _, *fields = launch.opened(store, {"tab": "raft", "from": run.id})
    named = {s.path: f["value"] for s, f in zip(launch.form.settings, fields, strict=True) if "value" in f}
    assert named == {"sft_checkpoint": "models/sft/final_model", "prompts": "data/train.jsonl"}
    assert "first tuning" in message


def test_a_run_that_is_gone_fills_in_nothing_and_is_said_to_be_gone(store: Store, planner: Planner) -> None:
    launch, _ = launch_of(SFT, store.root, planner)
    message, _, *fields = launch.opened(store, {"tab": "sft", "from": "sft-gone"})
    assert "The run sft-gone is not there any more" in message and all("value" not in field for field in fields)


def test_a_form_that_is_opened_again_keeps_what_was_typed(store: Store, planner: Planner) -> None:
    launch, _ = launch_of(SFT, store.root, planner)
    _, _, *fields = launch.opened(store, {"tab": "sft"})
    assert all("value" not in field for field in fields)
