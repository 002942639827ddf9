"""From a finished run to files that others load: the next step, its form, the run, and the card on its page."""

from collections.abc import Iterator
from typing import Any

import pytest
from driving import App, Window
from seeded import SFT, make_run
from tiny import save_tiny_model

from haloforge.models import Metadata, write_metadata
from haloforge.store import Store

RUN_MS = 110_000
"""A plan and a worker load torch, on a machine that may be busy."""
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server over one finished SFT run of a tiny model."""
    running = App(tmp_path_factory.mktemp("release"))
    model = save_tiny_model(running.folder / "models" / "sft" / "final_model")
    with Store(running.runs) as store:
        run = make_run(store, SFT, "done", name="first tuning", cwd=str(running.folder))
        write_metadata(model, Metadata(run=run.id, stage="sft", base_model="tiny"))
        running.raft = run.id
    running.start()
    yield running
    running.stop()


def field(page: Any, path: str) -> Any:
    return page.locator(f"#release-{path}").locator("input, textarea").first


@pytest.mark.timeout(300)
def test_a_finished_run_is_made_ready_for_others(window: Window) -> None:
    page = window.open(f"?tab=runs&run={window.app.raft}")
    page.get_by_role("link", name="Make it ready for others").click()
    page.locator("#release-said").get_by_text("Filled in from").wait_for()
    assert field(page, "model").input_value().startswith("models/sft/final_model")
    page.locator("#release-start:not([disabled])").wait_for(timeout=RUN_MS)
    page.locator("#release-start").click()
    page.locator("#release-said").get_by_text("Queued as").wait_for()
    page.locator("#release-live .chip.done, #release-live .chip.failed").wait_for(timeout=RUN_MS)
    page.locator("#release-live").get_by_role("link", name="Open the run").click()
    card = page.get_by_role("region", name="Model card")
    card.wait_for()
    assert "Not evaluated" in card.inner_text()
    assert "model.safetensors" in page.get_by_role("region", name="Files").inner_text()
    program = page.get_by_role("region", name="Program").inner_text()
    assert str(window.app.folder / "models" / "release-sft" / "model") in program


@pytest.mark.parametrize("window", [PHONE], indirect=True, ids=["phone"])
def test_nothing_of_the_form_is_wider_than_a_phone(window: Window) -> None:
    page = window.open("?tab=release")
    page.locator("#release-status").get_by_text("Still to fill in: Model.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
