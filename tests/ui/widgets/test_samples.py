"""The samples of a run: filters, pages, and one sample with everything that is known of it."""

import html
import json
import re

import pytest
from seeded import add_samples, make_run, problem

from haloforge.records import STATUSES, Status, Tests, Verdict
from haloforge.stages.raft.selection import Reason
from haloforge.store import Store
from haloforge.ui import downloads
from haloforge.ui.palette import VERDICTS
from haloforge.ui.view import parse
from haloforge.ui.widgets import samples
from haloforge.ui.widgets.sample_detail import reason_words
from haloforge.ui.widgets.verdict import reward_words, verdict_box
from haloforge.verify import reward_of

VIEW = {"tab": "runs", "section": "samples"}
HOSTILE = "```python\n<img src=x onerror=alert(1)>\n```"


def next_page(markup: str, rel: str = "next") -> dict[str, str]:
    """The view that a page's link to its neighbour leads to."""
    [address] = re.findall(rf'href="([^"]*)" rel="{rel}"', markup)
    return parse(html.unescape(address))


def test_samples_come_in_pages_of_fifty_that_lead_to_each_other(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"] * 110)
    first = samples.render(store, run, VIEW)
    second = samples.render(store, run, next_page(first))
    third = samples.render(store, run, next_page(second))
    assert [page.count("<tr data-row") for page in (first, second, third)] == [50, 50, 10]
    assert "1 to 50 of 110" in first and "51 to 100 of 110" in second and "101 to 110 of 110" in third
    back = samples.render(store, run, next_page(third, "prev"))
    assert "51 to 100 of 110" in back and re.findall(r"add #\d+", back)[:3] == re.findall(r"add #\d+", second)[:3]
    assert "1 to 50 of 110" in samples.render(store, run, next_page(back, "prev"))


def test_a_page_without_a_place_is_the_newest(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"] * 3)
    assert samples.render(store, run, {**VIEW, "samples": "9"}).count("<tr data-row") == 3


def test_the_sample_in_the_address_is_shown_though_newer_ones_have_pushed_it_off_the_page(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["timeout"])
    [first] = store.samples(run.id)
    add_samples(store, run, ["passed"] * 60, cycle=2)
    shown = samples.render(store, run, {"section": "samples", "sample": str(first.id)})
    assert f">{VERDICTS['timeout'].word}<" in shown.partition("<article")[2]


def test_a_problem_is_shown_across_the_cycles(store: Store) -> None:
    run = make_run(store)
    for cycle, statuses in enumerate((["timeout", "timeout"], ["wrong_answer", "passed"], ["passed", "passed"])):
        add_samples(store, run, statuses, cycle=cycle)  # type: ignore[arg-type]
    shown = samples.render(store, run, {**VIEW, "across": "add"})
    assert "first passed in cycle 1; none of 2 before" in shown
    assert [f"{n} of 2 passed" in shown for n in (0, 1, 2)] == [True] * 3 and shown.count('aria-label="Cycle ') == 3


def test_what_is_filtered_is_downloaded_line_by_line(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed", "timeout"] * 60)
    assert f"samples.jsonl?run={run.id}&amp;status=timeout" in samples.render(store, run, {**VIEW, "status": "timeout"})
    text = "".join(downloads.lines(store.root, run.id, {"status": "timeout"}))
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 60 and {row["status"] for row in rows} == {"timeout"} and rows[0]["task_id"] == "add"


@pytest.mark.parametrize("status", STATUSES)
def test_a_filter_shows_that_verdict_only(store: Store, status: Status) -> None:
    run = make_run(store)
    add_samples(store, run, STATUSES)
    shown = samples.render(store, run, {**VIEW, "status": status})
    assert shown.count("<tr data-row") == 1 and f'class="chip {status}"' in shown


def test_nonsense_filters_are_no_filters(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"] * 2)
    assert samples.render(store, run, {**VIEW, "cycle": "x", "status": "y", "kept": "z"}).count("<tr data-row") == 2


def test_filters_that_nothing_fits_can_be_taken_back(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"])
    assert "No sample fits these filters" in samples.render(store, run, {**VIEW, "status": "timeout"})


def test_what_a_model_wrote_never_becomes_markup(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"], text=HOSTILE)
    shown = samples.render(store, run, VIEW)
    assert "<img" not in shown and "onerror" in shown


def test_why_a_sample_was_kept_or_not_is_said(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed", "passed"])
    first, second = store.samples(run.id)
    store.save_selections([(first.id, True, "kept"), (second.id, False, "duplicate")])
    assert samples.render(store, run, {**VIEW, "kept": "no"}).count("<dd>no: duplicate") == 1
    assert samples.render(store, run, {**VIEW, "kept": "duplicate"}).count("<tr data-row") == 1


@pytest.mark.parametrize("reason", Reason.__args__)
def test_every_reason_of_the_selection_reads_as_words(reason: str) -> None:
    assert reason_words(reason) and "_" not in reason_words(reason)


@pytest.mark.parametrize(
    ("level", "warnings", "words"),
    [
        ("tested", False, "all tests passed"),
        ("ran", False, "compiles and runs to a clean exit; there are no tests"),
        ("compiled", False, "compiles without warnings; there are no tests"),
        ("compiled", True, "compiles, with warnings; there are no tests"),
    ],
)
def test_a_pass_is_explained_by_what_was_asked(level: str, warnings: bool, words: str) -> None:
    assert reward_words(Verdict("passed", reward_of("passed", level=level, warnings=warnings))) == words


def test_prompt_raw_answer_and_code_are_all_there(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"], text="```python\nx = 41\n```")
    shown = samples.render(store, run, VIEW)
    assert problem().statement in shown and "Raw answer" in shown and "41" in shown


def test_an_answer_without_code_says_so(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["no_code"], text="I cannot do that.")
    assert "No code could be extracted" in samples.render(store, run, VIEW)


def test_a_sample_can_be_sent_to_the_playground(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed"])
    assert f"?tab=playground&amp;from=sample&amp;run={run.id}&amp;task=add" in samples.render(store, run, VIEW)


@pytest.mark.parametrize("status", STATUSES)
def test_every_verdict_is_told_with_its_chip_and_a_reason_for_its_reward(status: Status) -> None:
    verdict = Verdict(status, reward=reward_of(status), detail="<b>", tests=("passed", "<i>"), tests_total=2)
    shown = verdict_box(verdict)
    assert VERDICTS[status].word in shown and reward_words(verdict) in shown.replace("&#x27;", "'")
    assert "<b>" not in shown and "<i>" not in shown


def test_test_by_test_outcomes_are_counted() -> None:
    shown = verdict_box(Verdict("wrong_answer", tests=("passed", "AssertionError"), tests_passed=1, tests_total=2))
    assert "Test by test: 1 passed, 1 not" in shown and "1 of 2 passed" in shown


def test_every_outcome_stands_beside_the_test_it_is_of() -> None:
    tests = Tests("asserts", code=("assert f(1) == 1",), hidden=("assert f(2) == 2",))
    shown = verdict_box(Verdict("wrong_answer", tests=("passed", "failed"), tests_total=2), tests)
    assert shown.index("assert f(1) == 1") < shown.index("assert f(2) == 2") < shown.rindex("failed")


def test_a_verdict_that_could_be_forged_carries_a_caution() -> None:
    assert "could have been forged" in verdict_box(Verdict("passed", forgeable=True))
