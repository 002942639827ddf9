"""Compare in Chromium: cycles of a run, doubt, a benchmark that is missing, and a report opened without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compared_runs import TASKS, benchmarked, raft_run
from driving import App, Window
from tiny import save_tiny_model

from haloforge.config import RaftConfig
from haloforge.store import Store

DONE_MS = 240_000
"""A worker loads torch anew, on a machine that may be busy."""
SMALL = RaftConfig.parse(
    {
        "prompts": "data/train.jsonl",
        "evaluation": {"samples_per_prompt": 1},
        "generation": {"max_new_tokens": 8, "temperature": 1.0},
    }
)


CLICK_THREE = """() => {
    const replace = history.replaceState.bind(history);
    window.replaced = [];
    history.replaceState = (state, title, address) => {
        window.replaced.push(address);
        replace(state, title, address);
    };
    const links = [...document.querySelectorAll("#comparison a")];
    for (const words of ["Gained 17", "Lost 0", "task_05"]) links.find((a) => a.textContent.trim() === words).click();
}"""
"""Three links at once, as by somebody fast on a slow machine; `replaced` has what the address was changed to since."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server over two benchmarks, of which one is doubtful, a RAFT run of three cycles, and a tiny model."""
    running = App(tmp_path_factory.mktemp("compare"))
    save_tiny_model(running.folder / "models" / "tiny" / "final_model")
    with Store(running.runs) as store:
        benchmarked(store, "base", set(TASKS[:8]), folder=running.folder)
        cut = ["87.9 % of the answers were cut off: give --max-new-tokens a larger value"]
        benchmarked(store, "tuned", set(TASKS[:32]), doubts=cut, folder=running.folder)
        running.raft = raft_run(store, {0: 2, 1: 8, 2: 19}, config=SMALL).id
    running.start()
    yield running
    running.stop()


def cycles(app: App, first: int, second: int) -> str:
    return f"?tab=compare&a=cycle:{app.raft}:{first}&b=cycle:{app.raft}:{second}"


def claim(page: Any) -> Any:
    return page.locator("#comparison .claim").first


def test_two_cycles_of_a_run_are_compared_at_once_with_both_answers_and_their_diff(window: Window) -> None:
    page = window.open(cycles(window.app, 0, 2))
    claim(page).get_by_text("better", exact=True).wait_for()
    page.get_by_text("A 10.0 % → B 95.0 %: +85.0 points [").wait_for()
    page.get_by_role("link", name="Gained 17").click()
    page.get_by_role("link", name="task_05", exact=True).click()
    page.get_by_role("heading", name="task_05", exact=True).wait_for()
    diff = page.get_by_role("region", name="Diff of task_05, A to B")
    assert "# in cycle 0" in diff.locator(".removed").inner_text()
    assert "# in cycle 2" in diff.locator(".added").inner_text()
    page.reload()
    page.get_by_role("heading", name="task_05", exact=True).wait_for()


def test_the_answer_to_an_older_click_leaves_the_address_alone(window: Window) -> None:
    page = window.open(cycles(window.app, 0, 2))
    page.get_by_role("link", name="Lost 0").wait_for()
    page.evaluate(CLICK_THREE)
    page.get_by_role("heading", name="task_05", exact=True).wait_for()
    page.wait_for_timeout(1000)  # for answers that come late
    assert "task=task_05" in page.url
    assert [address for address in page.evaluate("replaced") if "task=task_05" not in address] == []


def test_when_b_becomes_a_nothing_of_the_old_comparison_stays(window: Window) -> None:
    page = window.open(cycles(window.app, 0, 2))
    claim(page).wait_for()
    page.locator("#comparison select[name=b]").select_option(label="tonight, the starting model: 10.0 % held out")
    page.get_by_text("Two of them are the same result").wait_for()
    assert claim(page).count() == 0 and page.get_by_role("article", name="Answers").count() == 0


def test_doubt_stands_in_the_place_of_the_claim_and_in_its_own_colour(window: Window) -> None:
    results = window.app.folder / "results"
    page = window.open(f"?tab=compare&a={results}/base.json&b={results}/tuned.json")
    claim(page).get_by_text("doubtful, because B: 87.9 % of the answers were cut off").wait_for()
    headline = page.locator("#comparison .headline").first
    assert "doubt" in str(headline.get_attribute("class")) and page.get_by_text("better", exact=True).count() == 0


def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, app: App) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    window = Window(context, app)
    page = window.open(cycles(app, 0, 1))
    page.get_by_role("article", name="Answers").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert window.errors() == []
    context.close()


def test_a_saved_report_opens_from_disk_with_the_network_off(window: Window, browser: Any, tmp_path: Path) -> None:
    page = window.open(cycles(window.app, 0, 2))
    claim(page).wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    context = browser.new_context(offline=True, java_script_enabled=False)
    report, wrong = context.new_page(), list[str]()
    report.on("console", lambda message: wrong.append(message.text))
    report.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
    report.goto(path.as_uri())
    report.get_by_role("heading", name="tonight, cycle 2 against tonight, the starting model").wait_for()
    assert report.locator(".claim").inner_text() == "better"
    report.locator("summary", has_text="task_05").click()
    report.get_by_role("region", name="Diff of task_05, A to B").get_by_text("# in cycle 2").wait_for()
    report.get_by_role("heading", name="Provenance").wait_for()
    assert wrong == []
    context.close()


def test_the_problems_are_saved_as_csv(window: Window, tmp_path: Path) -> None:
    page = window.open(cycles(window.app, 0, 2))
    claim(page).wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "x.csv")
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[0].startswith("task_id,A_samples,A_passed,B_samples") and len(lines) == 21


@pytest.mark.parametrize("window", [{}, {"color_scheme": "dark"}], ids=["light", "dark"], indirect=True)
def test_axe_finds_nothing_serious_on_the_page_nor_in_the_report(window: Window, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = window.open(cycles(window.app, 0, 2) + f"&more=cycle:{window.app.raft}:1&list=all")
    claim(page).wait_for()
    for folded in page.locator("#comparison summary").all():
        folded.click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    saved.value.save_as(tmp_path / "report.html")
    found = [v for v in axe.Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    report = window.page.context.new_page()
    report.goto((tmp_path / "report.html").as_uri())
    report.locator("summary").first.click()
    report.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
    seen = report.evaluate("axe.run()")["violations"]
    found += [v for v in seen if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [node["html"][:120] for node in v["nodes"][:2]]) for v in found] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_missing_benchmark_is_queued_on_the_same_problems_and_the_comparison_appears(window: Window) -> None:
    page = window.open(f"?tab=compare&a=cycle:{window.app.raft}:2&b=model:models/tiny/final_model")
    page.get_by_text("models/tiny/final_model has no benchmark on the 20 problems of tonight, cycle 2").wait_for()
    page.get_by_role("button", name="Benchmark it: 1 sample each, the same settings").click()
    page.get_by_text("models/tiny/final_model is being benchmarked on these 20 problems").wait_for()
    claim(page).wait_for(timeout=DONE_MS)
    page.get_by_text("A 95.0 % → B 0.0 %").wait_for()
    with Store(window.app.runs) as store:
        [run] = [run for run in store.runs(stage="benchmark") if run.config["model"] == "models/tiny/final_model"]
        assert run.config["generation"]["max_new_tokens"] == 8 and len(store.problems(run.id)) == 20
