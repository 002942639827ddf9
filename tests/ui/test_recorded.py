"""The recorded runs: there on a first visit, never again once they were deleted, and never beside runs of one's own."""

from pathlib import Path

from seeded import make_run

from haloforge import jobs
from haloforge.store import Store
from haloforge.ui.recorded import bring, is_recorded
from haloforge.ui.tabs import comparison
from haloforge.ui.widgets import run_overview, welcome

VIEW = {"tab": "runs"}


def test_a_first_visit_shows_a_whole_recorded_pipeline(store: Store) -> None:
    bring(store)
    runs = store.runs()
    assert {run.stage for run in runs} == {"data-prepare", "sft", "raft", "benchmark"}
    assert all(run.status == "done" and is_recorded(run) for run in runs)
    raft = next(run for run in runs if run.stage == "raft")
    assert store.count_samples(raft.id) > 100 and "at its best" in run_overview.render(store, raft, VIEW)
    assert "headline" in comparison.render(store, {"tab": "compare"})


def test_nothing_in_the_recording_names_the_machine_that_made_it(store: Store, tmp_path: Path) -> None:
    bring(store)
    texts = [str(event.data) for run in store.runs() for event in store.events(run.id)]
    texts += [path.read_text() for path in store.root.glob("recorded/*.json")]
    assert texts and not [text for text in texts if "/tmp/" in text or "/home/" in text or "/root/" in text]


def test_deleted_recorded_runs_do_not_come_back(store: Store) -> None:
    bring(store)
    for run in store.runs():
        jobs.delete(store, run.id)
    bring(store)
    assert store.count_runs() == 0


def test_nothing_is_put_beside_runs_of_ones_own(store: Store) -> None:
    make_run(store, status="done")
    bring(store)
    assert store.count_runs() == 1


def test_a_newcomer_is_told_what_this_is_and_offered_a_first_run(store: Store) -> None:
    bring(store)
    shown = welcome.render(store, VIEW)
    assert "<h2" in shown and 'data-act="try"' in shown
    to_visitors = welcome.render(store, VIEW, read_only=True)
    assert 'data-act="try"' not in to_visitors and "delete them" in shown and "delete" not in to_visitors


def test_who_has_runs_sees_the_pipeline_with_the_newest_results_alone(store: Store) -> None:
    make_run(store, status="done")
    shown = welcome.render(store, VIEW)
    assert "<h2" not in shown and 'class="pipeline"' in shown
