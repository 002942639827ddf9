"""The tabs of the stages: the newest run beside the form."""

from seeded import RAFT, SFT, add_cycles, make_run

from haloforge.store import Store
from haloforge.ui.tabs import stage


def test_the_newest_run_panel_follows_the_newest_run_of_its_stage(store: Store) -> None:
    make_run(store, SFT, "done", name="sft run")
    run = make_run(store, RAFT, "running", name="raft run")
    add_cycles(store, run, [0.2])
    shown = stage.newest_run(store, ["raft"])
    assert "raft run" in shown and "sft run" not in shown and "data-chart" in shown


def test_a_stage_without_runs_says_what_to_do(store: Store) -> None:
    assert "No SFT run yet" in stage.newest_run(store, ["sft"])
