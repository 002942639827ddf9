"""data, SFT, RAFT and benchmark clicked through on a tiny model, with a reload and a killed server in the middle."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import App, Window
from tiny import save_tiny_model

from haloforge.files import read_jsonl
from haloforge.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")

STAGE_MS = 240_000
"""A stage loads torch anew, on a machine that may be busy."""
IS_ON = "(stage) => !document.querySelector(`#${stage}-start`).disabled"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A server in a folder that holds a tiny model and nothing else."""
    save_tiny_model(tmp_path / "tiny")
    running = App(tmp_path).start()
    yield running
    running.stop()


def fill(page: Any, stage: str, **fields: str) -> None:
    """Type into fields of a form, by their settings' paths with dashes for dots."""
    for name, text in fields.items():
        field = page.locator(f"#{stage}-{name.replace('__', '-')}").locator("input, textarea").first
        field.fill(text)
        field.press("Tab")


def start(page: Any, stage: str) -> None:
    """Wait until the form says a whole command and no reason holds Start off any more, then press it."""
    page.locator(f"#{stage}-preview code").wait_for()
    try:  # between two fields that belong together the form rightly says that they disagree: only the end counts
        page.wait_for_function(IS_ON, arg=stage, timeout=STAGE_MS)
    except playwright.TimeoutError as off:
        raise AssertionError(page.locator(f"#{stage}-status").inner_text()) from off
    page.locator(f"#{stage}-start").click()
    page.locator(f"#{stage}-said").get_by_text("Queued as").wait_for()


def until_done(page: Any, tab: str) -> None:
    """Wait until the newest run of the tab's stage is done."""
    panel = page.locator(f"#{tab}-live")
    panel.locator(".chip.done, .chip.failed").wait_for(timeout=STAGE_MS)
    assert panel.locator(".chip.failed").count() == 0, panel.inner_text()


def read_first(path: Path) -> list[str]:
    """The first task id of a problem file."""
    return [str(row["task_id"]) for _, row in read_jsonl(path)][:1]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_pipeline_is_clicked_through(window: Window) -> None:
    page = window.open("?tab=data")
    page.get_by_role("tab", name="Prepare a dataset").click()
    fill(page, "data-prepare", output="data/train.jsonl", language="python", limit="12")
    start(page, "data-prepare")
    until_done(page, "data")
    page.locator("#problems").get_by_text("12 problems in python").wait_for()

    page = window.open("?tab=sft")
    fill(page, "sft", model__name="tiny", data__train_file="data/train.jsonl", data__max_seq_length="512")
    fill(page, "sft", training__num_train_epochs="1", output_dir="models/sft")
    start(page, "sft")
    page.reload()  # the run goes on, and the page finds it again
    until_done(page, "sft")

    page = window.open("?tab=raft")
    small = {"raft__num_cycles": "1", "raft__samples_per_prompt": "2", "generation__max_new_tokens": "16"}
    fill(page, "raft", sft_checkpoint="models/sft/final_model", prompts="data/train.jsonl", **small)
    start(page, "raft")
    page.locator("#raft-live .chip.running").wait_for()
    page.goto("about:blank")
    window.app.stop(kill=True)
    window.app.start()
    page = window.open("?tab=raft")
    until_done(page, "raft")

    page = window.open("?tab=benchmark")
    fill(page, "benchmark", model="models/sft/final_model", prompts="data/train.jsonl", samples="2", k="1")
    start(page, "benchmark")
    until_done(page, "benchmark")
    page.locator("#benchmark-live").get_by_text("pass@1, 95 % CI").wait_for()

    [task] = read_first(window.app.folder / "data" / "train.jsonl")
    page = window.open(f"?tab=playground&from=problem&file=data/train.jsonl&task={task}")
    models = page.locator("#play-models input")
    models.press("Backspace")  # takes the embedded model out
    models.fill("models/sft/final_model")
    models.press("Enter")
    page.locator("#play-go").click()
    page.locator("#play-out").get_by_role("article").locator(".chip").wait_for(timeout=STAGE_MS)

    page = window.open("?tab=runs")
    page.get_by_role("table", name="Runs").get_by_role("row").nth(4).wait_for()
    with Store(window.app.runs) as store:
        runs = store.runs()
        assert [run.stage for run in runs] == ["benchmark", "raft", "sft", "data-prepare"]
        assert {run.status for run in runs} == {"done"}
        raft = runs[1]
        assert store.count_samples(raft.id, purpose="train") == 2 * len(store.problems(raft.id, held_out=False))
