"""Which run an output belongs to, and in which folders the runs left their models."""

from pathlib import Path

import pytest
from seeded import PREPARE, RAFT, SFT, make_run

from haloforge import jobs
from haloforge.config import RaftConfig
from haloforge.errors import RunError
from haloforge.records import RunStatus
from haloforge.stages.shared.run_outputs import model_folders, unfinished_run
from haloforge.store import Store


def test_the_folders_of_the_stages_that_train_are_named_and_no_others(store: Store) -> None:
    run = make_run(store, SFT, "done")
    make_run(store, PREPARE, "done")
    assert model_folders(store) == {Path(run.cwd, SFT.output_dir)}


@pytest.mark.parametrize("status", ["stopped", "interrupted", "failed"])
def test_a_run_that_ended_early_is_the_one_to_go_on_with(store: Store, status: RunStatus) -> None:
    run = make_run(store, SFT, status)
    assert unfinished_run(store, SFT) == store.run(run.id)


def test_there_is_nothing_to_go_on_with_after_a_run_that_is_done(store: Store) -> None:
    make_run(store, SFT, "stopped")
    make_run(store, SFT, "done")
    assert unfinished_run(store, SFT) is None


def test_a_run_with_another_output_is_not_meant(store: Store) -> None:
    make_run(store, SFT, "stopped")
    assert unfinished_run(store, SFT.changed({"output_dir": "models/elsewhere"})) is None


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_waits_or_works_is_named(store: Store, status: RunStatus) -> None:
    run = make_run(store, SFT, status)
    with pytest.raises(RunError, match=f"run {run.id} for models/sft is {status}"):
        unfinished_run(store, SFT)


def test_other_settings_are_named_with_both_values(store: Store) -> None:
    run = make_run(store, SFT, "stopped")
    with pytest.raises(RunError, match=rf"run {run.id} for models/sft has other settings \(seed \d+ -> 99\)"):
        unfinished_run(store, SFT.changed({"seed": 99}))


def test_where_a_run_is_judged_may_change(store: Store) -> None:
    run, moved = make_run(store, RAFT, "stopped"), RAFT.changed({"verifier.cluster": "127.0.0.1:6379"})
    assert unfinished_run(store, moved) == store.run(run.id)
    assert RaftConfig.parse(jobs.resume(store, run.id, moved).config) == moved
    assert "127.0.0.1:6379" in (store.folder(run.id) / "config.yaml").read_text()
