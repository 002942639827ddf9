"""The Playground and the Data tab in Chromium, as a person uses them: vote, verify, edit, bring a file."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import ChatServer, Reply, openai_reply, serving, sse
from driving import App, Window
from seeded import add_samples, make_run
from tiny import save_tiny_model

from haloforge.files import read_jsonl
from haloforge.store import Store

LOADING_MS = 120_000
"""The first model loads torch anew, on a machine that may be busy."""
RIGHT, WRONG = (f"def add(a, b):\n    return a {op} b" for op in "+-")
TWO_WRITE = """() => {
    const answers = [...document.querySelectorAll("#play-out article")];
    const writes = (a) => a.innerText.includes("writing:") && a.querySelector("[role=log]");
    return answers.length === 2 && answers.every(writes);
}"""


def answering(number: int, row: dict[str, Any]) -> Reply:
    """The model `right` adds, every other one subtracts."""
    text = f"```python\n{RIGHT if row['model'] == 'right' else WRONG}\n```"
    if not row.get("stream"):
        return openai_reply(text)
    return Reply(events=sse({"choices": [{"delta": {"content": text}}]}))


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """A server whose models answer at once."""
    with serving(answering) as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server with two tiny models, and a stored sample."""
    running = App(tmp_path_factory.mktemp("play"))
    for seed, name in enumerate(("one", "two"), 1):
        save_tiny_model(running.folder / "models" / name / "final_model", seed)
    with Store(running.runs) as store:
        run = make_run(store, status="done", name="tonight")
        running.raft = run.id
        add_samples(store, run, ["wrong_answer"], text=f"```python\n{WRONG}\n```")
    running.start()
    yield running
    running.stop()


def choose_models(page: Any, *models: str) -> None:
    """These models and no other."""
    field = page.locator("#play-models input")
    field.press("Backspace")
    for model in models:
        field.fill(model)
        field.press("Enter")


def on_server(server: ChatServer, name: str) -> str:
    return f"openai:{name}@{server.url}/v1"


def choose(page: Any, field: str, option: str) -> None:
    page.locator(f"#{field} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def write_code(page: Any, field: str, text: str) -> None:
    """Replace what an editor holds, as pasting does: typing would be indented by the editor."""
    editor = page.locator(f"#{field} .cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_two_models_both_show_text_before_either_ends(window: Window) -> None:
    page = window.open("?tab=playground")
    choose_models(page, "models/one/final_model", "models/two/final_model")
    page.locator("#play-prompt textarea").fill("Write add(a, b).")
    page.get_by_role("button", name="Sampling").click()
    page.locator("#play-tokens input").fill("900")
    page.locator("#play-go").click()
    page.wait_for_function(TWO_WRITE, timeout=LOADING_MS)
    page.locator("#playground-busy").get_by_text("In memory for the Playground").wait_for()
    page.locator("#play-stop").click()


def test_a_blind_vote_by_a_key_is_stored_and_then_shows_the_names(window: Window, server: ChatServer) -> None:
    page = window.open("?tab=playground")
    choose_models(page, on_server(server, "right"), on_server(server, "other"))
    page.locator("#play-prompt textarea").fill("Write add(a, b).")
    write_code(page, "play-asserts", "assert add(1, 2) == 3")
    page.locator("#play-blind input").check()
    page.locator("#play-go").click()
    page.get_by_text("Which answer is better?").wait_for()
    assert "right@" not in page.locator("#play-out").inner_text()
    passed = page.locator("#play-out article").filter(has=page.locator(".chip.passed")).get_by_role("heading").first
    page.locator("#header").click()
    page.keyboard.press({"Model A": "1", "Model B": "2"}[passed.inner_text()])
    page.locator("#play-out").get_by_text("Your vote is stored").wait_for()
    row = page.get_by_role("table", name="Blind votes").get_by_role("row").nth(1)
    assert "right@" in row.inner_text() and "other@" in row.inner_text()
    page.reload()
    page.get_by_role("table", name="Blind votes").wait_for()
    with Store(window.app.runs) as store:
        [vote] = store.votes()
    assert vote.best == on_server(server, "right") and sorted(vote.statuses) == ["passed", "wrong_answer"]


def test_an_answer_is_edited_and_verified_again_and_kept_as_a_problem(window: Window, server: ChatServer) -> None:
    page = window.open("?tab=playground")
    choose_models(page, on_server(server, "other"))
    page.locator("#play-prompt textarea").fill("Write add(a, b).")
    write_code(page, "play-asserts", "assert add(1, 2) == 3")
    page.locator("#play-go").click()
    page.locator("#play-out .chip.wrong_answer").first.wait_for()
    page.get_by_role("button", name="Edit and verify again").click()
    page.locator("#own-code .cm-content").get_by_text("return a - b").wait_for()
    page.locator("#own-verify").click()
    page.locator("#own-out .chip.wrong_answer").wait_for()
    write_code(page, "own-code", RIGHT)
    page.locator("#own-verify").click()
    page.locator("#own-out .chip.passed").wait_for()
    page.get_by_role("button", name="Make this a training problem").click()
    page.locator("#new-task input").fill("mine/add")
    page.locator("#new-add").click()
    page.locator("#new-out").get_by_role("link", name="data/mine.jsonl").click()
    page.locator("#problems").get_by_role("heading", name="mine/add").wait_for()
    [(_, row)] = read_jsonl(window.app.folder / "data" / "mine.jsonl")
    assert row["solution"].strip() == RIGHT and row["tests"]["code"] == ["assert add(1, 2) == 3"]


def test_a_program_is_verified_by_cases_of_input_and_output(window: Window) -> None:
    page = window.open("?tab=playground")
    choose(page, "play-against", "the cases below")
    page.locator("#case-1-in textarea").fill("3 4")
    page.locator("#case-1-out textarea").fill("7")
    page.locator("#case-more").click()
    page.locator("#case-2-in textarea").fill("10 -4")
    page.locator("#case-2-out textarea").fill("6")
    page.get_by_role("button", name="Edit an answer, or verify code of your own").click()
    write_code(page, "own-code", "print(sum(map(int, input().split())))")
    page.locator("#own-verify").click()
    page.locator("#own-out .chip.passed").wait_for()
    page.locator("#own-out").get_by_text("2 of 2 passed").wait_for()


def test_a_number_that_cannot_be_meant_is_refused_by_its_label(window: Window) -> None:
    page = window.open("?tab=playground")
    page.locator("#play-prompt textarea").fill("Write add(a, b).")
    page.get_by_role("button", name="Sampling").click()
    page.locator("#play-samples input").fill("2.5")
    page.locator("#play-go").click()
    page.locator("#play-out").get_by_text(
        "Samples per model should be a whole number from 1 to 32 (not 2.5)."
    ).wait_for()


def test_an_address_opens_a_stored_sample_with_its_problem_and_code(window: Window) -> None:
    with Store(window.app.runs) as store:
        [judged] = store.samples(window.app.raft)
    page = window.open(f"?tab=playground&sample={judged.id}")
    page.locator("#own-code .cm-content").get_by_text("return a - b").wait_for()
    assert page.locator("#play-prompt textarea").input_value() == "Write add(a, b)."
    page.locator("#own-verify").click()
    page.locator("#own-out .chip.wrong_answer").wait_for()


def test_a_dropped_file_is_checked_and_shown_and_a_bad_row_is_named(window: Window) -> None:
    good, bad = window.app.folder / "from-elsewhere.csv", window.app.folder / "bad.jsonl"
    good.write_text('task_id,prompt,tests\nmine/1,Write one.,"{""kind"": ""none""}"\n')
    bad.write_text(json.dumps({"prompt": "x"}) + '\n{"nothing": 1}\n')
    page = window.open("?tab=data")
    page.get_by_role("tab", name="Bring a file").click()
    for path, words in ((bad, "bad.jsonl line 2"), (good, "has 1 row")):
        page.locator("#bring-file input[type=file]").set_input_files(path)
        page.locator("#bring-file").get_by_text(path.stem).first.wait_for()
        page.locator("#bring-add").click()
        page.locator("#bring-out").get_by_text(words).wait_for()
        page.locator("#bring-file").get_by_role("button", name="Clear").click()
    page.locator("#bring-out").get_by_role("link").click()
    page.locator("#problems").get_by_role("heading", name="mine/1").wait_for()


def test_a_source_is_prepared_measured_and_split(window: Window) -> None:
    page = window.open("?tab=data")
    page.locator("#sources").get_by_role("article", name="starter-labels").get_by_role("button", name="Prepare").click()
    page.locator("#data-live .chip.done").wait_for(timeout=LOADING_MS)
    page.locator("#sources").get_by_role("link", name="data/starter-labels.jsonl").click()
    page.locator("#problems").get_by_text("with a reference solution").wait_for()
    page.locator("#measure-go").click()
    page.locator("#measure-out .plot-container").first.wait_for()
    page.get_by_role("tab", name="Split", exact=True).click()
    page.locator("#split-go").click()
    page.locator("#split-out").get_by_role("link", name="data/starter-labels-test.jsonl").click()
    page.locator("#problems").get_by_text("split train").wait_for()


def test_a_reload_keeps_the_typed_prompt(window: Window) -> None:
    page = window.open("?tab=playground")
    page.locator("#play-prompt textarea").fill("Write sub(a, b).")
    page.reload()
    page.wait_for_function("document.querySelector('#play-prompt textarea')?.value === 'Write sub(a, b).'")
