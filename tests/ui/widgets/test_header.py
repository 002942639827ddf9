"""The line above the tabs."""

from seeded import RAFT, make_run

from haloforge.store import Store
from haloforge.ui.widgets import header


def test_the_header_names_sandbox_and_the_run_at_work(store: Store) -> None:
    assert "nothing is running" in header.render(store, {})
    make_run(store, RAFT, "running", name="tonight")
    make_run(store, RAFT, "queued")
    shown = header.render(store, {})
    assert "sandbox: " in shown and "tonight" in shown and "1 run queued" in shown
