"""Runs and their samples as a person works with them: find, note, delete, page, download; a server that dies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import App, Window
from seeded import BENCHMARK, SFT, add_cycles, add_samples, make_run

from haloforge.records import Run
from haloforge.store import Report, Store


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server over a store with a handful of runs, one of them with samples of three cycles."""
    running = App(tmp_path_factory.mktemp("flows"))
    with Store(running.runs) as store:
        make_run(store, SFT, "done", name="first tuning", tags="baseline")
        make_run(store, BENCHMARK, "failed", name="the score")
        raft = make_run(store, status="done", name="the loop")
        running.raft = raft.id
        add_cycles(store, raft, [0.2, 0.4])
        for cycle in (0, 1, 2):
            add_samples(store, raft, ["timeout"] * (40 - 20 * cycle) + ["passed"] * 20 * cycle, cycle=cycle)
    running.start()
    yield running
    running.stop()


def made(app: App, **columns: Any) -> Run:
    """One more run, finished."""
    with Store(app.runs) as store:
        return make_run(store, SFT, "done", **columns)


def rows(page: Any, table: str) -> Any:
    return page.get_by_role("table", name=table, exact=True).locator("tbody tr")


def test_runs_are_found_by_a_word_and_a_status_and_stay_found_after_a_reload(window: Window) -> None:
    page = window.open("?tab=runs")
    page.get_by_role("searchbox", name="Search runs").fill("tuning")
    page.wait_for_url("**find=tuning**")
    page.get_by_role("table", name="Runs").get_by_text("the loop").wait_for(state="detached")
    page.reload()
    page.get_by_role("table", name="Runs").get_by_text("first tuning").wait_for()
    assert rows(page, "Runs").count() == 1
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("table", name="Runs").get_by_text("the loop").wait_for()
    page.locator("#runs-list select[name=was]").select_option(label="failed")
    page.get_by_role("table", name="Runs").get_by_text("first tuning").wait_for(state="detached")
    assert "the score" in rows(page, "Runs").inner_text()


def test_a_chart_can_be_zoomed_and_saved_and_is_sent_nowhere(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}")
    page.locator(f"#rates-{window.app.raft} .modebar-btn").first.wait_for(state="attached")
    titles = page.locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert {"Download plot as a PNG", "Zoom"} <= set(titles) and not [t for t in titles if "Share" in t or "loud" in t]


def test_samples_are_filtered_and_their_second_page_survives_a_reload(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples")
    page.locator("#run-detail select[name=status]").select_option(label="passed")
    page.get_by_text("1 to 50 of 60").wait_for()
    page.get_by_role("link", name="Next", exact=True).click()
    page.get_by_text("51 to 60 of 60").wait_for()
    page.reload()
    page.get_by_text("51 to 60 of 60").wait_for()
    assert rows(page, "Samples").count() == 10
    page.get_by_role("link", name="Previous", exact=True).click()
    page.get_by_text("1 to 50 of 60").wait_for()


def test_the_keyboard_goes_on_from_the_last_row_to_the_next_page(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples")
    rows(page, "Samples").nth(49).click()
    page.locator("#run-detail table.walk tr.on").wait_for()
    page.wait_for_function("document.querySelector('#run-detail table.walk tbody').lastChild.classList.contains('on')")
    page.keyboard.press("j")
    page.get_by_text("51 to 100 of 120").wait_for()


def test_a_problem_is_looked_at_across_the_cycles(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples")
    page.get_by_role("link", name="Across cycles").click()
    page.get_by_role("article", name="Cycle 2").get_by_text("40 of 40 passed").wait_for()
    page.get_by_role("article", name="Cycle 0").get_by_text("0 of 40 passed").wait_for()
    page.reload()
    page.get_by_text("first passed in cycle 1; none of 40 before").wait_for()


def test_what_is_filtered_is_downloaded(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples&status=timeout&cycle=1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download these").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 20 and {json.loads(line)["status"] for line in lines} == {"timeout"}


def test_a_run_is_named_tagged_and_noted_while_the_page_around_it_changes(window: Window) -> None:
    run = made(window.app)
    page = window.open(f"?tab=runs&run={run.id}")
    page.get_by_text("Name, tags, notes").click()
    page.get_by_label("Name", exact=True).fill("best so far")
    page.get_by_label("Notes").fill("lower the rate next time")
    with Store(window.app.runs) as store:
        Report(store, run.id).artifact("final_model", "models/sft/final_model")
    page.get_by_role("table", name="Artifacts").wait_for()
    page.get_by_label("Tags").fill("Keep")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="best so far").wait_for()
    page.reload()
    page.locator("#run-detail .notes").get_by_text("lower the rate next time").wait_for()
    page.locator("#runs-list").get_by_text("#keep").wait_for()


def test_a_run_is_deleted_after_a_question_that_can_be_denied(window: Window) -> None:
    run = made(window.app, name="short-lived")
    page = window.open(f"?tab=runs&run={run.id}")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("alertdialog").wait_for(state="detached")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("alertdialog").get_by_text("Delete short-lived with its log?").wait_for()
    page.get_by_role("button", name="Delete for good").click()
    page.locator("#runs-list").get_by_text("short-lived").wait_for(state="detached")
    with Store(window.app.runs) as store:
        assert store.find_run(run.id) is None


def test_queued_runs_change_places(window: Window) -> None:
    with Store(window.app.runs) as store:
        waits_for = make_run(store, SFT, "stopped")
        for name in ("sooner", "later"):
            make_run(store, SFT, "queued", name=name, parent=waits_for.id)
    page = window.open("?tab=runs")
    queue = page.get_by_role("region", name="Queue")
    queue.get_by_role("button", name="Move later up").click()
    queue.locator("li").first.get_by_text("later").wait_for()
    for name in ("sooner", "later"):
        page.get_by_role("button", name=f"Take {name} out of the queue").click()
    queue.wait_for(state="detached")


def test_a_server_that_is_gone_is_said_to_be_gone_until_it_is_back(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples&status=passed")
    page.get_by_text("1 to 50 of 60").wait_for()
    window.app.stop(kill=True)
    page.get_by_text("The server does not answer").wait_for()
    window.app.start()
    page.get_by_text("The server does not answer").wait_for(state="detached")
    with Store(window.app.runs) as store:
        store.update_run(window.app.raft, name="renamed meanwhile")
    page.get_by_role("heading", name="renamed meanwhile").wait_for()
    assert "section=samples&status=passed" in page.url
    window.wrong.clear()  # a server that does not answer is an error in every console
