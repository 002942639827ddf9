"""Long lists: pages of fifty, rows and choices that are links."""

from haloforge.ui.markup import h, link
from haloforge.ui.widgets.lists import option, pager, picker, row

VIEW = {"tab": "runs", "run": "x"}


def test_a_list_of_one_page_has_no_pager() -> None:
    assert pager(VIEW, "samples", 0, 50) == ""


def test_the_pager_says_where_one_is_and_leads_to_the_pages_beside() -> None:
    middle = pager(VIEW, "samples", 1, 120)
    assert "51 to 100 of 120" in middle and "samples=2" in middle and ">Previous</a>" in middle
    last = pager(VIEW, "samples", 2, 120)
    assert "101 to 120 of 120" in last and ">Next</a>" not in last


def test_the_chosen_row_is_marked_and_every_row_can_be_clicked() -> None:
    rows = [row([h("td", link("a", "?run=a"))], is_chosen=is_chosen) for is_chosen in (True, False)]
    assert [' class="on"' in markup for markup in rows] == [True, False]
    assert all("data-row" in markup for markup in rows)


def test_a_choice_leads_to_the_address_of_its_option() -> None:
    markup = picker("Cycle", "cycle", [option("2", "?cycle=2", is_chosen=True), option("all", "?", is_chosen=False)])
    assert '<option value="?cycle=2" selected>2</option>' in markup and "data-go" in markup
