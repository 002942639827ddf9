"""The studio in Chromium, over a store with runs in it: every tab, every size, links, keyboard, live charts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import App, Window
from seeded import SFT, add_cycles, add_samples, make_run

from haloforge.store import Report, Store

SIGNS = {
    "Runs": "run-detail",
    "Pipeline": "pipeline-start",
    "Data": "problems",
    "SFT": "sft-start",
    "RAFT": "raft-start",
    "Benchmark": "benchmark-start",
    "Compare": "comparison",
    "Playground": "play-go",
}
"""Tab -> id of an element on it."""
PLAN_MS = 120_000
"""The first plan loads torch, on a machine that may be busy."""
LIGHT: dict[str, Any] = {}
DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HOSTILE = "```python\n<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>\n```"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server over a store in which a RAFT run is at work."""
    running = App(tmp_path_factory.mktemp("studio"))
    with Store(running.runs) as store:
        make_run(store, SFT, "done", name="first tuning")
        raft = make_run(store, status="done", name="tonight")
        running.raft = raft.id
        add_cycles(store, raft, [0.2, 0.3, 0.4])
        add_samples(store, raft, ["passed", "wrong_answer", "timeout"] * 20)
        add_samples(store, raft, ["passed"], cycle=2, text=HOSTILE)
    running.start()
    yield running
    running.stop()


def runs_of(app: App) -> Store:
    return Store(app.runs)


@pytest.mark.parametrize("window", [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"], indirect=True)
def test_every_tab_opens_without_an_error_and_fits_the_page(window: Window) -> None:
    page = window.open()
    for tab in SIGNS:
        button = page.get_by_role("tab", name=tab, exact=True)
        if button.first.is_visible():
            button.first.click()
        else:  # a phone shows the first few
            window.open(f"?tab={tab.lower()}")
        page.wait_for_url(f"**tab={tab.lower()}**")
        page.locator(f"#{SIGNS[tab]}").wait_for()
        assert page.locator("#header").bounding_box()["y"] < 16, "something stands above the page"
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{tab} is {overflow} px too wide"


def test_a_reload_shows_the_same(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples&status=timeout")
    page.get_by_role("table", name="Samples").get_by_role("row").nth(3).click()
    page.wait_for_url("**sample=**")
    page.get_by_role("heading", name="add #53", exact=True).wait_for()
    page.reload()
    page.get_by_role("heading", name="add #53", exact=True).wait_for()
    assert page.locator("#run-detail select[name=status]").evaluate("s => s.selectedOptions[0].text") == "timeout"


def test_a_reload_on_the_second_page_of_samples_shows_it_again(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples")
    page.get_by_role("link", name="Next", exact=True).click()
    page.get_by_text("51 to 61 of 61").wait_for()
    page.reload()
    page.get_by_text("51 to 61 of 61").wait_for()


def test_back_goes_to_where_one_came_from(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}")
    page.get_by_role("link", name="first tuning").first.click()
    page.get_by_role("heading", name="first tuning").wait_for()
    page.go_back()
    page.get_by_role("heading", name="tonight").wait_for()


def test_a_second_browser_sees_what_the_first_one_did(window: Window, browser: Any) -> None:
    with runs_of(window.app) as store:
        waits_for = make_run(store, SFT, "stopped")
        run = make_run(store, SFT, "queued", name="not tonight", parent=waits_for.id)
    page = window.open(f"?tab=runs&run={run.id}")
    other = Window(browser.new_context(), window.app)
    other.open(f"?tab=runs&run={run.id}").locator("#run-detail .chip.queued").wait_for()
    page.get_by_role("button", name="Take out of the queue").click()
    other.page.locator("#run-detail .chip.stopped").wait_for()
    assert other.errors() == []


def test_what_a_model_wrote_does_nothing_to_the_page(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples&cycle=2")
    page.get_by_role("article", name="Sample").get_by_text("onerror").first.wait_for()
    page.get_by_text("Raw answer").click()
    assert page.title() == "halo-forge"


def test_the_keyboard_walks_through_the_samples(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}&section=samples")
    page.get_by_role("article", name="Sample").wait_for()
    table = page.get_by_role("table", name="Samples")
    table.get_by_role("link").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="add #59", exact=True).wait_for()
    page.keyboard.press("j")
    page.get_by_role("heading", name="add #58", exact=True).wait_for()


def test_a_live_chart_takes_new_points_and_keeps_its_zoom(window: Window) -> None:
    with runs_of(window.app) as store:
        run = make_run(store, SFT, "running", name="live")
        report = Report(store, run.id)
        for step in range(20):
            report.metric("train", step, {"loss": 2.0 - step / 20})
        page = window.open(f"?tab=runs&run={run.id}")
        chart = f"document.getElementById('loss-{run.id}')"
        page.wait_for_function(f"{chart}?._fullLayout?.xaxis")
        page.evaluate(f"Plotly.relayout({chart}, {{'xaxis.range': [5, 10]}})")
        page.evaluate(f"{chart}.dataset.mark = 'the same node'")
        report.metric("train", 20, {"loss": 0.5})
        page.wait_for_function(f"{chart}._fullData[0].x.length === 21")
        assert page.evaluate(f"{chart}._fullLayout.xaxis.range") == [5, 10]
        assert page.evaluate(f"{chart}.dataset.mark") == "the same node"
        store.finish(run.id, "stopped")


def test_an_idle_page_is_not_redrawn(window: Window) -> None:
    page = window.open("?tab=runs")
    page.get_by_role("table", name="Runs").wait_for()
    page.wait_for_timeout(3000)
    page.evaluate("document.querySelector('#runs-list table').dataset.mark = 'mine'")
    page.wait_for_timeout(5000)
    assert page.locator("#runs-list table").get_attribute("data-mark") == "mine"


def test_the_form_says_its_command_and_what_is_wrong_with_it(window: Window) -> None:
    page = window.open("?tab=benchmark")
    page.locator("#benchmark-status").get_by_text("Still to fill in: Problems.").wait_for()
    page.locator("#benchmark-prompts input").fill("data/none.jsonl")
    page.keyboard.press("Tab")
    page.locator("#benchmark-preview").get_by_text("halo-forge benchmark run --model smollm2-135m").wait_for()
    page.locator("#benchmark-status").get_by_text("Start is off. data/none.jsonl").wait_for(timeout=PLAN_MS)


def test_a_run_is_cloned_into_the_form_of_its_stage(window: Window) -> None:
    with runs_of(window.app) as store:
        run = store.runs(stage="sft")[0]
    page = window.open(f"?tab=runs&run={run.id}")
    page.locator("#run-detail").get_by_role("link", name="Clone").click()
    page.locator("#sft-preview").get_by_text("--model smollm2-135m --data data/train.jsonl").wait_for()


@pytest.mark.slow
def test_a_space_shows_everything_and_changes_nothing(browser: Any, tmp_path: Path) -> None:
    space = App(tmp_path, SPACE_ID="someone/demo")
    with Store(space.runs) as store:
        run = make_run(store, SFT, "done", name="theirs")
    space.start()
    try:
        window = Window(browser.new_context(), space)
        page = window.open(f"?tab=runs&run={run.id}")
        page.get_by_text("This is a demo").wait_for()
        page.get_by_role("link", name="Clone").wait_for()
        seen = page.locator("button[data-act]:visible").evaluate_all("all => all.map(b => b.dataset.act)")
        assert set(seen) == {"visit"}
        assert page.locator("#describe, a:text-is('Delete')").filter(visible=True).count() == 0
        assert window.errors() == []
    finally:
        space.stop()
