"""What the page's few events do: links, actions, ticks, tabs."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from seeded import make_run

from haloforge.store import Store
from haloforge.ui import studio
from haloforge.ui.page import Page
from haloforge.ui.panes import Seen
from haloforge.ui.tabs import runs

RUNS = {"tab": "runs"}


@pytest.fixture
def page(store: Store) -> Page:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root)
        page.pane("", lambda store, view: f"{len(store.runs())} runs")
        page.action("stop", runs.stop)
        page.action("delete", runs.delete)
    return page


def send(page: Page, view: dict[str, str] = RUNS, seen: Seen | None = None, **data: str | int) -> Any:
    """What the page answers to a message of the browser."""
    return asyncio.run(page.dispatch(view, seen or Seen(), message(**data)))


def message(**data: str) -> gr.EventData:
    return gr.EventData(None, data)


def test_a_tick_with_nothing_new_is_skipped(store: Store) -> None:
    async def two_ticks() -> Any:
        with gr.Blocks(analytics_enabled=False):
            page = Page(store.root)
        _, seen, *_ = await page.tick({"tab": "runs"}, Seen())
        return await page.tick({"tab": "runs"}, seen)

    assert asyncio.run(two_ticks()) == gr.skip()


def test_a_store_that_cannot_be_read_is_said_once_and_the_page_comes_back_with_it(store: Store) -> None:
    file = store.root / "haloforge.db"
    store.close()
    whole = file.read_bytes()

    async def looked_at_while_it_comes_back() -> list[Any]:
        with gr.Blocks(analytics_enabled=False):
            page = Page(store.root)
            page.pane("", lambda store, view: f"{len(store.runs())} runs")
        file.write_bytes(b"no database" * 100)
        view, seen, _, broken = await page.tick(RUNS, Seen())
        again = await page.tick(view, seen)
        file.write_bytes(whole)
        *_, mended = await page.tick(view, seen)
        return [broken, again, mended]

    broken, again, mended = asyncio.run(looked_at_while_it_comes_back())
    assert "the run records cannot be opened or written (file is not a database)" in broken
    assert again == gr.skip() and mended == "0 runs"


def test_a_tick_that_raced_with_a_click_is_made_good_by_the_next(store: Store) -> None:
    """The answer of an old tick may land after a click: what was sent then is not what the address says."""

    async def race() -> Any:
        with gr.Blocks(analytics_enabled=False):
            page = Page(store.root)
        _, seen, *_ = await page.tick({"tab": "runs"}, Seen())
        return await page.tick({"tab": "data"}, seen)

    assert asyncio.run(race()) != gr.skip()


def test_a_tick_never_sets_the_address(page: Page) -> None:
    """It may have begun before a click and be answered after it: the page would go back to where it was."""
    address = "?tab=runs"
    ticked = asyncio.run(page.tick(RUNS, Seen(), address))
    assert f"{address}#0" in send(page, go=address) and address not in ticked


def test_an_answer_names_the_address_and_the_message_that_asked_for_it(page: Page) -> None:
    assert "?tab=data#7" in send(page, go="?tab=data", number=7)


def test_a_tick_never_opens_a_tab(page: Page) -> None:
    """One that began before a click on a tab would take the page back, and no later tick would see that."""
    ticked = asyncio.run(page.tick(RUNS, Seen(view={"tab": "data"}), "?tab=runs"))
    assert not any(isinstance(value, gr.Tabs) for value in ticked)


def test_a_link_opens_its_address(page: Page) -> None:
    view, *_ = send(page, go="?tab=sft&run=x")
    assert view == {"tab": "sft", "run": "x"}


def test_a_stop_button_stops_the_run_it_was_made_for(page: Page, store: Store) -> None:
    first, second = make_run(store, status="queued"), make_run(store, status="queued")
    send(page, act="stop", value=f"now {first.id}")
    assert (store.run(first.id).status, store.run(second.id).status) == ("stopped", "queued")


def test_what_cannot_be_done_changes_nothing_and_raises_nothing(page: Page, store: Store) -> None:
    run = make_run(store, status="running")
    with pytest.warns(UserWarning, match="is running; stop it before deleting it"):
        view, *_ = send(page, act="delete", value=run.id)
    assert view == {"tab": "runs"} and store.run(run.id).status == "running"


def test_deleting_needs_the_whole_id(page: Page, store: Store) -> None:
    run = make_run(store, status="done")
    with pytest.warns(UserWarning, match=f"there is no run '{run.id[:6]}'"):
        send(page, act="delete", value=run.id[:6])
    assert store.run(run.id)
    view, *_ = send(page, act="delete", value=run.id)
    assert store.runs() == [] and view == {"tab": "runs"}


def test_a_read_only_page_refuses_every_action(page: Page, store: Store) -> None:
    page.read_only = True
    run = make_run(store, status="queued")
    with pytest.warns(UserWarning, match="This demo is read-only"):
        send(page, act="stop", value=f"now {run.id}")
    assert store.run(run.id).status == "queued"


def test_an_action_nobody_offers_is_refused(page: Page) -> None:
    with pytest.warns(UserWarning, match="this page has no action 'format-the-disk'"):
        view, *_ = send(page, act="format-the-disk")
    assert view == {"tab": "runs"}


def test_the_tab_strip_keeps_the_run_that_was_looked_at(page: Page) -> None:
    was = {"tab": "runs", "run": "x", "samples": "2", "from": "y"}
    view, *_ = send(page, was, Seen(view=was), tab="sft")
    assert view == {"tab": "sft", "run": "x"}


def test_every_output_of_the_whole_page_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link returns as many values as it has outputs, to every tab."""
    monkeypatch.chdir(tmp_path)
    with Store(tmp_path / "runs") as store:
        make_run(store, status="done")
    demo = studio.build(tmp_path / "runs")
    dispatch = next(fn for fn in demo.fns.values() if fn.name == "dispatch")
    for tab in ("runs", "data", "sft", "raft", "benchmark", "compare", "release", "playground"):
        sent = asyncio.run(dispatch.fn({"tab": "runs"}, Seen(), message(go=f"?tab={tab}")))
        assert len(sent) == len(dispatch.outputs), tab


def test_the_first_paint_of_every_tab_loads_no_torch(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
import gradio as gr
from haloforge.ui import studio
from haloforge.ui.panes import Seen
demo = studio.build(Path("runs"))
dispatch = next(fn for fn in demo.fns.values() if fn.name == "dispatch").fn
for tab in ("runs", "data", "sft", "raft", "benchmark", "compare", "release", "playground"):
    asyncio.run(dispatch({"tab": "runs"}, Seen(), gr.EventData(None, {"go": f"?tab={tab}"})))
print([name for name in ("torch", "transformers", "trl", "datasets") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
