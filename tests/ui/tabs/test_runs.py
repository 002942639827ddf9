"""Runs: what its buttons do."""

from seeded import make_run

from haloforge.store import Store
from haloforge.ui.tabs import runs


def test_a_resumed_run_waits_in_the_queue_and_is_shown(store: Store) -> None:
    run = make_run(store, status="stopped")
    assert runs.resume(store, {"tab": "runs"}, run.id) == f"?tab=runs&run={run.id}"
    assert store.run(run.id).status == "queued"
