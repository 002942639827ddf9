"""axe-core finds nothing serious or critical on any page, in any state that people see, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, serving, sse
from driving import App, Window
from seeded import BENCHMARK, SFT, add_cycles, add_samples, make_run

from haloforge.config import ReleaseConfig
from haloforge.store import RECORDING, Report, Store

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

SEVERE = ("serious", "critical")
LIGHT: dict[str, Any] = {}
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
    "release of a run": "?tab=release&from={raft}",
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


@pytest.fixture(scope="module")
def answers() -> Iterator[ChatServer]:
    """A server whose model answers at once."""
    text = "```python\ndef add(a, b):\n    return a - b\n```"
    with serving(lambda _number, _row: Reply(events=sse({"choices": [{"delta": {"content": text}}]}))) as running:
        yield running


def drawn(page: Any) -> None:
    """Wait until every chart of the page is there."""
    page.wait_for_function("""() => [...document.querySelectorAll("[data-chart]")].filter((e) => e.offsetParent)
        .every((e) => e.querySelector(".main-svg"))""")


def severe_in_both_themes(page: Any) -> list[str]:
    """The same on a light page; then its contrasts when a class of the body makes it dark, as Gradio does it."""
    drawn(page)
    light = severe(page)
    page.evaluate("document.body.classList.add('dark')")
    drawn(page)
    dark = severe(page, {"runOnly": ["color-contrast"]})
    page.evaluate("document.body.classList.remove('dark')")
    return [*light, *(f"dark: {text}" for text in dark)]


def severe(page: Any, options: dict[str, Any] | None = None) -> list[str]:
    """What axe-core calls serious or critical on the page as it is now: rule, how often, and the first places."""
    found = axe.Axe().run(page, options=options).response["violations"]
    return [
        f"{v['id']} ({v['impact']}) x{len(v['nodes'])}: "
        + "; ".join(str(node["target"]) + " " + node["html"][:160] for node in v["nodes"][:3])
        for v in found
        if v["impact"] in SEVERE
    ]


@pytest.mark.parametrize("window", [LIGHT], indirect=True)
def test_nothing_serious_on_any_page(window: Window) -> None:
    found: list[str] = []
    for name, query in PAGES.items():
        page = window.open(query.format(**PLACES))
        found += [f"{name}: {text}" for text in severe_in_both_themes(page)]
        assert page.locator("h1:visible").count() == 1, name
    assert not found, "\n".join(found)


@pytest.mark.parametrize("window", [PHONE], indirect=True)
def test_nothing_serious_on_a_phone(window: Window) -> None:
    found: list[str] = []
    for name in ("home", "its samples", "its log", "compare"):
        page = window.open(PAGES[name].format(**PLACES))
        drawn(page)
        found += [f"{name}: {text}" for text in severe(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("window", [LIGHT], indirect=True)
def test_nothing_serious_in_what_a_person_opened(window: Window, answers: ChatServer) -> None:
    page = window.open("?tab=playground")
    models = page.locator("#play-models input")
    models.press("Backspace")
    models.fill(f"openai:right@{answers.url}/v1")
    models.press("Enter")
    page.locator("#play-prompt textarea").fill("Write add(a, b).")
    page.locator("#play-go").click()
    page.locator("#play-out .chip").first.wait_for()
    page.get_by_text("Verify code of your own").first.click()
    page.locator("#own-code .cm-content").fill("def f():\n    return 1\n")
    page.locator("#own-verify").click()
    page.locator("#own-out .chip").wait_for(timeout=60_000)
    assert not (found := severe_in_both_themes(page)), found
    page = window.open("?tab=release")
    page.locator("#release-model input").fill("smollm2-135m")
    page.keyboard.press("Enter")
    page.locator("#release-plan .slot *").first.wait_for()  # what it would do
    assert not (found := severe_in_both_themes(page)), found
    page = window.open("?tab=raft")
    page.locator("#raft-raft-num_cycles").locator("input, textarea").first.fill("2.5")  # refused beside the field
    page.keyboard.press("Tab")
    page.locator("#raft-raft-num_cycles .says").wait_for()
    assert not (found := severe_in_both_themes(page)), found
