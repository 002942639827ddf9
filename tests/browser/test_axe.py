"""axe-core finds nothing serious or critical on any page, in any state that people see, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import App, Window
from seeded import BENCHMARK, SFT, add_cycles, add_samples, make_run

from haloforge.config import ReleaseConfig
from haloforge.store import RECORDING, Report, Store

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

SEVERE = ("serious", "critical")
LIGHT: dict[str, Any] = {}
DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PAGES = {
    "home": "",
    "a run at work": "?tab=runs&run={live}",
    "a run with charts": "?tab=runs&run={raft}",
    "its samples": "?tab=runs&run={raft}&section=samples",
    "its log": "?tab=runs&run={raft}&section=log",
    "its config": "?tab=runs&run={raft}&section=config",
    "a failed run": "?tab=runs&run={failed}",
    "pipeline": "?tab=pipeline",
    "data": "?tab=data",
    "a file": "?tab=data&file=starter-easy",
    "sft": "?tab=sft",
    "raft": "?tab=raft",
    "benchmark": "?tab=benchmark",
    "compare": "?tab=compare",
    "release": "?tab=release",
    "a released model": "?tab=runs&run={released}",
    "playground": "?tab=playground",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server over the recorded runs, one at work, one that failed, and one with every kind of verdict."""
    running = App(tmp_path_factory.mktemp("axe"))
    with Store(running.runs) as store:
        store.load_recording(RECORDING)
        failed = make_run(store, SFT, "failed", name="out of memory")
        Report(store, failed.id).error("out of memory; lower the batch size")
        make_run(store, BENCHMARK, "interrupted")
        live = make_run(store, status="running", name="at work")
        report = Report(store, live.id)
        add_cycles(store, live, [0.2, 0.3])
        add_samples(store, live, ["passed", "wrong_answer", "timeout", "no_code", "violation", "compile_error"])
        for step in range(5):
            report.metric("train", step, {"loss": 2.0 - step / 20})
        report.log("cycle 1")
        report.progress("sample", 3, 8, cycle=1)
        raft = next(run for run in store.runs(stage="raft") if run.status == "done")
        released = make_run(store, ReleaseConfig.parse({"model": "models/raft"}), "done", cwd=str(running.folder))
        PLACES.update(live=live.id, failed=failed.id, raft=raft.id, released=released.id)
        write_release(running.folder / "models" / "release")
    running.start()
    yield running
    running.stop()


PLACES: dict[str, str] = {}


def write_release(folder: Path) -> None:
    """Files with the names that a release has."""
    (folder / "model").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# raft\n" + "A long line of a card. " * 40)
    for name in ("model-F16.gguf", "Modelfile"):
        (folder / "model" / name).write_text("x")


def severe(page: Any) -> list[str]:
    """What axe-core calls serious or critical on the page as it is now: rule, how often, and the first places."""
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}) x{len(v['nodes'])}: "
        + "; ".join(str(node["target"]) + " " + node["html"][:160] for node in v["nodes"][:3])
        for v in found
        if v["impact"] in SEVERE
    ]


@pytest.mark.parametrize(
    ("window", "names"),
    [(LIGHT, tuple(PAGES)), (DARK, tuple(PAGES)), (PHONE, ("home", "its samples", "its log", "compare"))],
    ids=["light", "dark", "phone"],
    indirect=["window"],
)
def test_nothing_serious_on_any_page(window: Window, names: tuple[str, ...]) -> None:
    found: list[str] = []
    for name in names:
        page = window.open(PAGES[name].format(**PLACES))
        page.wait_for_timeout(500)  # charts are drawn a moment after the page
        found += [f"{name}: {text}" for text in severe(page)]
        assert page.locator("h1:visible").count() == 1, name
    assert not found, "\n".join(found)


@pytest.mark.parametrize("window", [LIGHT, DARK], ids=["light", "dark"], indirect=True)
def test_nothing_serious_in_what_a_person_opened(window: Window) -> None:
    page = window.open("?tab=playground")
    page.get_by_text("Verify code of your own").first.click()
    page.locator("#own-code .cm-content").fill("def f():\n    return 1\n")
    page.locator("#own-verify").click()
    page.locator("#own-out .chip").wait_for(timeout=60_000)
    assert not (found := severe(page)), found
    page = window.open("?tab=raft")
    page.locator("#raft-raft-num_cycles").locator("input, textarea").first.fill("2.5")  # refused beside the field
    page.keyboard.press("Tab")
    page.wait_for_timeout(1500)
    assert not (found := severe(page)), found
