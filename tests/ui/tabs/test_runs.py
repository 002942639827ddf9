"""Runs: what its buttons do."""

from pathlib import Path

from seeded import PREPARE, make_run

from haloforge.store import Store
from haloforge.ui.tabs import runs


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
