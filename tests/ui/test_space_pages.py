"""The public demo: what a visitor may start, how much of it, and what happens below the lowest isolation level."""

import time
from pathlib import Path

import gradio as gr
import pytest
from seeded import SFT, make_run

from haloforge.errors import MachineError, RunError
from haloforge.store import Store
from haloforge.ui import space
from haloforge.ui.page import Page
from haloforge.ui.widgets import header

RUNS = {"tab": "runs"}


@pytest.fixture(autouse=True)
def on_a_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/demo")
    monkeypatch.chdir(tmp_path)


def test_a_few_tries_may_wait_and_then_no_more(store: Store) -> None:
    for _ in range(space.TRIES.waiting):
        space.start_try(store)
    assert "4 runs waiting before yours" in header.render(store, RUNS)
    with pytest.raises(RunError, match="come back in a few minutes"):
        space.start_try(store)


def test_a_try_that_takes_too_long_is_stopped(store: Store) -> None:
    run = space.start_try(store)
    store.update_run(run.id, status="running", started=time.time() - space.TRIES.seconds - 1)
    space.tidy(store)
    assert store.run(run.id).stop == "now"


def test_old_tries_are_deleted_with_what_they_wrote(store: Store, tmp_path: Path) -> None:
    for _ in range(space.TRIES.kept + 2):
        run = space.start_try(store)
        Path(tmp_path, str(run.config["output_dir"])).mkdir(parents=True)
        for each in (str(run.parent), run.id):
            store.finish(each, "done")
    kept = make_run(store, SFT, "done", name="recorded: sft")
    space.tidy(store)
    assert len(space.tries(store)) == len(list((tmp_path / "visitors").iterdir())) == space.TRIES.kept
    assert store.find_run(kept.id)


def test_what_was_queued_elsewhere_is_not_started_here(store: Store) -> None:
    run = make_run(store, SFT, "queued")
    space.Keeper(store.root)
    assert store.run(run.id).status == "stopped"


def test_below_the_lowest_level_nothing_is_run_and_the_page_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "runs_programs", lambda: False)
    shown = header.render(store, RUNS)
    assert space.CLOSED in shown and "Start a tiny RAFT run" not in shown
    with pytest.raises(MachineError, match="without any sandbox"):
        space.start_try(store)
    assert store.runs() == []


def test_visitors_press_only_what_is_for_them(store: Store) -> None:
    pressed: list[str] = []
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root, read_only=True)
    page.action("visit", lambda _store, _view, value: pressed.append(value))
    page.action("delete", lambda _store, _view, value: pressed.append(value))
    for act in ("visit", "delete"):
        page.pressed(act, "it", RUNS)
    assert pressed == ["it"]


def test_the_port_of_gradio_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7861")
    assert (space.address().host, space.address().port) == ("0.0.0.0", 7861)
