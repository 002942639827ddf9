"""A tick that finds nothing new changes nothing."""

import shutil
from pathlib import Path

import pytest
from seeded import make_run

from haloforge.errors import DataError
from haloforge.store import Store
from haloforge.ui.panes import Pane, Seen, Watch, refresh
from haloforge.ui.view import View

PANES = [
    Pane("header", "", lambda store, view: f"{len(store.runs())} runs"),
    Pane("runs", "runs", lambda store, view: view.get("run", "none")),
    Pane("data", "data", lambda store, view: "data"),
]
RUNS = {"tab": "runs"}


def test_the_first_look_sends_the_panes_of_the_open_tab(store: Store) -> None:
    _, sent = refresh(PANES, store, RUNS, Seen(), "1")
    assert sent == ["0 runs", "none", None]


def test_what_did_not_change_is_not_sent_again(store: Store) -> None:
    seen, _ = refresh(PANES, store, RUNS, Seen(), "1")
    assert refresh(PANES, store, RUNS, seen, "2")[1] == [None, None, None]


def test_only_what_changed_is_sent(store: Store) -> None:
    seen, _ = refresh(PANES, store, RUNS, Seen(), "1")
    make_run(store)
    assert refresh(PANES, store, RUNS, seen, "2")[1] == ["1 runs", None, None]


def test_a_tab_that_is_left_keeps_what_it_showed(store: Store) -> None:
    seen, _ = refresh(PANES, store, RUNS, Seen(), "1")
    seen, sent = refresh(PANES, store, {"tab": "data"}, seen, "1")
    assert sent == [None, None, "data"]
    assert refresh(PANES, store, RUNS, seen, "1")[1] == [None, None, None]


def test_a_pane_that_cannot_be_made_says_so_and_the_others_are_shown(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(store: Store, view: View) -> str:
        raise KeyError("a status of another version")

    def refused(store: Store, view: View) -> str:
        raise DataError("x.json is damaged")

    panes = [Pane("a", "", broken), Pane("b", "", refused), *PANES]
    _, sent = refresh(panes, store, RUNS, Seen(), "1")
    assert "This part cannot be shown" in str(sent[0]) and "x.json is damaged" in str(sent[1]) and sent[2] == "0 runs"
    assert "a status of another version" in caplog.text


def test_the_watch_notices_what_another_process_would_write(tmp_path: Path) -> None:
    watch = Watch(lambda: Store(tmp_path))
    before = watch.version()
    assert watch.version() == before
    with Store(tmp_path) as other:
        make_run(other)
    assert watch.version() != before


def test_the_watch_notices_that_the_store_was_deleted(tmp_path: Path) -> None:
    with Store(tmp_path / "runs") as store:
        make_run(store)
    watch = Watch(lambda: Store(tmp_path / "runs"))
    before = watch.version()
    shutil.rmtree(tmp_path / "runs")
    emptied = watch.version()
    with Store(tmp_path / "runs") as store:
        make_run(store)
    assert len({before, emptied, watch.version()}) == 3


def test_no_version_of_one_server_is_a_version_of_the_next(tmp_path: Path) -> None:
    assert Watch(lambda: Store(tmp_path)).version() != Watch(lambda: Store(tmp_path)).version()
