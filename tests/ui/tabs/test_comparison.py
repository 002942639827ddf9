"""Two benchmark results side by side: a headline that claims no more than it may, and the problems behind it."""

import re
from pathlib import Path

import pytest
from compared_runs import TASKS, benchmarked, raft_run
from seeded import add_cycles, make_run, problem

from haloforge.records import Sample
from haloforge.store import Store
from haloforge.ui import checkpoints
from haloforge.ui.tabs import comparison
from haloforge.ui.view import cycle_key
from haloforge.ui.widgets import result, run_overview

VIEW = {"tab": "compare"}
CUT_OFF = "10.0 % of the answers were cut off"


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claim_of(shown: str) -> tuple[str, str]:
    """The colour and the words of the first claim."""
    found = re.search(r'<p class="headline (\w+)"><b class="claim">(.*?)</b>', shown)
    assert found
    return found[1], found[2]


def test_without_a_result_there_is_nothing_to_compare(store: Store) -> None:
    assert "Comparing needs a benchmark result" in comparison.render(store, VIEW)


def test_the_headline_gives_both_rates_the_difference_its_interval_and_a_verdict(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:8]))
    benchmarked(store, "best", set(TASKS[:32]))
    shown = comparison.render(store, VIEW)
    assert "A 20.0 % → B 80.0 %: +60.0 points [+" in shown
    assert claim_of(shown) == ("good", "better")


def test_a_small_difference_is_not_called_better(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:8]))
    benchmarked(store, "best", set(TASKS[:9]))
    assert "no detectable change" in comparison.render(store, VIEW)


def test_problems_are_sorted_by_who_solves_them(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:10]))
    benchmarked(store, "best", set(TASKS[5:30]))
    shown = comparison.render(store, VIEW)
    assert all(
        f"{name} {n}<" in shown for name, n in (("All", 40), ("Gained", 20), ("Lost", 5), ("Both", 5), ("Neither", 10))
    )


def test_both_answers_to_a_problem_stand_side_by_side_and_escaped(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:10]))
    benchmarked(store, "best", set(TASKS[:20]))
    shown = comparison.render(store, {**VIEW, "list": "gained", "task": TASKS[15]})
    assert "A: 0 of 1 passed" in shown and "B: 1 of 1 passed" in shown
    assert "# base <b>" not in shown and "# base &lt;b&gt;" in shown and "# best &lt;b&gt;" in shown


def test_results_on_different_problems_are_refused_in_a_sentence(store: Store) -> None:
    benchmarked(store, "base", set(), sha256="one")
    benchmarked(store, "best", set(), sha256="another")
    assert "cannot be compared" in comparison.render(store, VIEW)


def test_the_oldest_is_compared_with_the_newest_unless_the_address_says_otherwise(store: Store) -> None:
    for name in ("first", "second", "third"):
        benchmarked(store, name, set(TASKS[:5]))
    known = [entry for entry in checkpoints.entries(store) if checkpoints.is_measured(entry)]
    names = [Path(path).stem for path in checkpoints.choice(store, VIEW, known)]
    assert len(known) == 3 and names[0] != names[1]
    chosen = checkpoints.choice(store, {**VIEW, "a": known[1].key, "b": known[2].key}, known)
    assert chosen == [known[1].key, known[2].key]


def test_more_than_two_results_are_each_compared_with_the_first(store: Store) -> None:
    for name, n in (("first", 5), ("second", 10), ("third", 30)):
        benchmarked(store, name, set(TASKS[:n]))
    paths = {Path(entry.key).stem: entry.key for entry in checkpoints.entries(store)}
    shown = comparison.render(store, {**VIEW, "a": paths["first"], "b": paths["second"], "more": paths["third"]})
    assert shown.count('class="headline') == 2


def test_doubts_of_a_result_are_never_hidden(store: Store) -> None:
    run = benchmarked(store, "base", set(), doubts=[CUT_OFF])
    assert "Doubtful: 10.0 % of the answers were cut off" in str(result.figures(run))


def test_a_doubtful_gain_is_not_called_better(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:8]))
    benchmarked(store, "best", set(TASKS[:32]), doubts=[CUT_OFF])
    shown = comparison.render(store, VIEW)
    assert claim_of(shown) == ("doubt", f"doubtful, because B: {CUT_OFF}")
    assert "better" not in shown


def test_a_result_is_not_compared_with_itself(store: Store) -> None:
    benchmarked(store, "base", set())
    benchmarked(store, "best", set(TASKS))
    path = checkpoints.entries(store)[0].key
    shown = comparison.render(store, {**VIEW, "a": path, "b": path})
    assert "Two of them are the same result" in shown and "headline" not in shown and "base says" not in shown


def test_a_result_file_of_another_run_is_not_shown_as_this_ones(store: Store) -> None:
    first = benchmarked(store, "base", set())
    benchmarked(store, "base", set(TASKS))
    assert result.figures(first) is None


def test_raft_runs_are_laid_over_each_other(store: Store) -> None:
    for name in ("one", "two"):
        add_cycles(store, make_run(store, status="done", name=name), [0.3, 0.4])
    shown = comparison.overlay(store, VIEW)
    assert "one" in shown and "two" in shown and comparison.overlay(store, VIEW) == shown


def test_the_cycles_of_one_run_are_compared_from_their_stored_samples(store: Store) -> None:
    run = raft_run(store, {0: 2, 1: 8, 2: 19})
    shown = comparison.render(store, {**VIEW, "a": cycle_key(run.id, 0), "b": cycle_key(run.id, 2)})
    assert "A 10.0 % → B 95.0 %" in shown and claim_of(shown) == ("good", "better")
    assert "# in cycle 0" in shown and "# in cycle 2" in shown and "Gained 17<" in shown


def test_without_results_the_newest_raft_run_is_compared_from_start_to_end(store: Store) -> None:
    run = raft_run(store, {0: 2, 1: 8})
    chosen = checkpoints.choice(store, VIEW, checkpoints.entries(store))
    assert chosen == [cycle_key(run.id, 0), cycle_key(run.id, 1)]


def test_cycles_that_answered_other_problems_are_refused_in_a_sentence(store: Store) -> None:
    run = raft_run(store, {0: 2})
    other = make_run(store, status="done", name="other")
    store.save_problems(other.id, [problem("another")], held_out=True)
    store.save_samples(other.id, 0, "eval", [Sample("another", 0, "x", "y")])
    add_cycles(store, other, [0.5])
    shown = comparison.render(store, {**VIEW, "a": cycle_key(run.id, 0), "b": cycle_key(other.id, 0)})
    assert "their problem files differ" in shown


def test_a_raft_run_leads_to_the_comparison_of_its_best_cycle(store: Store) -> None:
    run = raft_run(store, {0: 2, 1: 19, 2: 8})
    shown = run_overview.render(store, run, VIEW)
    assert run.status == "done" and shown.count(f"{run.id}%3A1") == 1, "one link, among the next steps"
    store.update_run(run.id, status="stopped")
    assert "Compare cycle 1 with the starting model" in run_overview.render(store, store.run(run.id), VIEW)
