"""The view is the address of the page."""

from hypothesis import given
from hypothesis import strategies as st

from haloforge.ui.view import TABS, number, open_run, parse, query

NAMES = st.sampled_from(["run", "section", "file", "task"])
VIEWS = st.builds(
    lambda tab, rest: {"tab": tab, **rest},
    st.sampled_from(list(TABS)),
    st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), min_size=1)),
)


@given(VIEWS)
def test_an_address_says_the_whole_view(view: dict[str, str]) -> None:
    assert parse(query(view)) == view


def test_an_unknown_tab_is_the_first_one() -> None:
    assert parse("?tab=nonsense&run=x") == {"tab": "runs", "run": "x"}


def test_another_filter_goes_back_to_the_first_page() -> None:
    view = {"tab": "runs", "samples": "3", "sample": "12", "status": "passed"}
    assert parse(query(view, status="timeout")) == {"tab": "runs", "status": "timeout"}


def test_another_page_keeps_the_filters() -> None:
    assert parse(query({"tab": "runs", "status": "passed"}, samples=2)) == {
        "tab": "runs",
        "status": "passed",
        "samples": "2",
    }


def test_opening_a_run_forgets_what_was_looked_at_before() -> None:
    assert parse(open_run("raft-1")) == {"tab": "runs", "run": "raft-1"}


def test_nonsense_numbers_in_an_address_are_the_default() -> None:
    assert [number({"samples": text}, "samples") for text in ("2", "-1", "x", "9" * 40, "")] == [2, 0, 0, 0, 0]
