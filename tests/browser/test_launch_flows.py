"""From a preset to a run that is followed: what a person does on the tabs of the stages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import App, Window
from seeded import SFT, make_run

from haloforge.config import PrepareConfig
from haloforge.stages.data.prepare import run as prepare
from haloforge.store import Report, Store

PLAN_MS = 120_000
"""The first plan loads torch, on a machine that may be busy."""
RUN_MS = 240_000
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server in a folder with one prepared file and a finished run."""
    folder = tmp_path_factory.mktemp("launch")
    running = App(folder)
    with Store(running.runs) as store:
        output = folder / "data" / "train.jsonl"
        config = PrepareConfig.parse({"output": str(output), "language": "python", "limit": 8, "split": "train"})
        prepare(config, Report(store, make_run(store, config, "done").id))
        tuned = SFT.changed({"model.name": "smollm2-135m"})
        running.raft = make_run(store, tuned, "done", name="first tuning", cwd=str(folder)).id
    running.start()
    yield running
    running.stop()


def field(page: Any, stage: str, path: str) -> Any:
    return page.locator(f"#{stage}-{path.replace('.', '-')}").locator("input, textarea").first


def fill(page: Any, stage: str, path: str, text: str) -> None:
    box = field(page, stage, path)
    box.fill(text)
    box.press("Tab")


def beside(page: Any, stage: str, path: str) -> Any:
    """The sentence at a field."""
    return page.locator(f"#{stage}-{path.replace('.', '-')} > .says")


def said(page: Any, stage: str, text: str, timeout: int = PLAN_MS) -> None:
    page.locator(f"#{stage}-status").get_by_text(text).wait_for(timeout=timeout)


def drop(page: Any, stage: str, text: str) -> None:
    """Drop a file of YAML on a form."""
    page.evaluate(
        """([id, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], "mine.yaml"));
          const drop = new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
          document.getElementById(id).dispatchEvent(drop);
        }""",
        [f"{stage}-form", text],
    )


def test_a_number_is_refused_at_its_field_in_the_words_of_its_label(window: Window) -> None:
    page = window.open("?tab=raft")
    said(page, "raft", "Still to fill in: Problems.")
    fill(page, "raft", "raft.num_cycles", "2.5")
    beside(page, "raft", "raft.num_cycles").get_by_text("Should be a whole number (not 2.5)").wait_for()
    said(page, "raft", '"Number of cycles" should be a whole number (not 2.5)')
    assert page.locator("#raft-start").is_disabled()
    assert field(page, "raft", "raft.num_cycles").input_value() == "2.5"
    fill(page, "raft", "raft.num_cycles", "3")
    beside(page, "raft", "raft.num_cycles").wait_for(state="detached")


def test_a_reload_keeps_a_half_filled_form(window: Window) -> None:
    page = window.open("?tab=sft")
    said(page, "sft", "Still to fill in: Training data.")
    fill(page, "sft", "training.learning_rate", "3e-5")
    page.locator("#sft-group-lora .label-wrap").click()
    fill(page, "sft", "lora.alpha", "64")
    page.locator("#sft-group-lora [data-count='1 changed']").wait_for()
    page.reload()
    page.locator("#sft-group-lora [data-count='1 changed']").wait_for()
    assert field(page, "sft", "training.learning_rate").input_value() == "3e-5"


def test_yaml_that_is_dropped_lies_over_the_form(window: Window) -> None:
    page = window.open("?tab=raft")
    said(page, "raft", "Still to fill in")
    fill(page, "raft", "generation.temperature", "0.9")
    drop(page, "raft", "raft:\n  num_cycles: 7\n")
    page.locator("#raft-said").get_by_text("Laid over the form: 1 setting.").wait_for()
    page.wait_for_function(
        "document.querySelector('#raft-raft-num_cycles textarea, #raft-raft-num_cycles input').value === '7'"
    )
    assert field(page, "raft", "generation.temperature").input_value() == "0.9"
    drop(page, "raft", "raft:\n  cycels: 7\n")
    page.locator("#raft-said").get_by_text("mine.yaml: there is no setting 'raft.cycels'").wait_for()


def test_a_finished_run_fills_in_the_next_stage(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}")
    page.get_by_role("navigation", name="Next steps").get_by_role("link", name="Run RAFT").click()
    page.locator("#raft-said").get_by_text("Filled in from first tuning.").wait_for()
    page.wait_for_function("document.querySelector('#raft-prompts input').value.startsWith('data/train.jsonl')")
    assert field(page, "raft", "sft_checkpoint").input_value() == "models/sft/final_model"
    said(page, "raft", "Start is off. The folder models/sft/final_model does not exist")
    beside(page, "raft", "sft_checkpoint").get_by_text("does not exist").wait_for()
    fill(page, "raft", "raft.num_cycles", "9")
    page.locator("#raft-preview").get_by_text("--cycles 9").wait_for()
    page.reload()  # the run is out of the address by now, and what was typed since is shown
    page.locator("#raft-preview").get_by_text("--cycles 9").wait_for()


@pytest.mark.parametrize("window", [PHONE], indirect=True)
def test_start_is_in_sight_on_a_phone(window: Window) -> None:
    page = window.open("?tab=benchmark")
    said(page, "benchmark", "Still to fill in")
    page.mouse.wheel(0, 5000)
    box = page.locator("#benchmark-start").bounding_box()
    assert box and box["y"] + box["height"] <= 844


@pytest.mark.slow
def test_from_a_preset_to_a_run_that_is_followed(window: Window) -> None:
    page = window.open("?tab=benchmark")
    fill(page, "benchmark", "prompts", "data/train.jsonl")
    fill(page, "benchmark", "limit", "2")
    fill(page, "benchmark", "samples", "1")
    fill(page, "benchmark", "k", "1")
    said(page, "benchmark", "Ready")
    assert page.locator("#benchmark-plan .checks .ok").count() >= 6
    page.locator("#benchmark-start").click()
    page.locator("#benchmark-said").get_by_text("Queued as").wait_for(timeout=PLAN_MS)
    panel = page.locator("#benchmark-live")
    panel.locator(".chip.done, .chip.failed").wait_for(timeout=RUN_MS)
    assert panel.locator(".chip.failed").count() == 0, panel.inner_text()
    assert Path(window.app.folder, "results", "smollm2-135m-train.json").is_file()
    fill(page, "benchmark", "limit", "3")
    page.locator("#benchmark-preview").get_by_text("results/smollm2-135m-train-2.json").first.wait_for()
