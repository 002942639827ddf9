"""Markup: what comes from outside is text, and stays text."""

from hypothesis import given
from hypothesis import strategies as st

from haloforge.ui.markup import Html, button, h, join, link, table


@given(st.text())
def test_text_never_becomes_an_element(text: str) -> None:
    markup = h("p", text, title=text)
    inner = markup[markup.index(">") + 1 : -len("</p>")]
    assert "<" not in inner and inner.count("&") == sum(text.count(c) for c in "&<>\"'")


def test_markup_is_not_escaped_twice() -> None:
    assert h("div", h("b", "a & b")) == "<div><b>a &amp; b</b></div>"


def test_nothing_writes_nothing() -> None:
    assert h("p", None, False, [], "") == "<p></p>" and join(["a", None, "b"], between=", ") == "a, b"


def test_attributes_are_quoted_and_absent_ones_left_out() -> None:
    assert h("a", "x", cls='"', data_row=True, disabled=False, title=None) == '<a class="&quot;" data-row>x</a>'


def test_a_button_carries_what_it_does_and_what_to_ask_first() -> None:
    markup = button("Kill", "stop", "kill a-run", confirm="Sure?")
    assert 'data-act="stop"' in markup and 'data-value="kill a-run"' in markup and 'data-confirm="Sure?"' in markup


def test_a_table_names_itself_and_its_columns() -> None:
    markup = table(["A", Html("<th>B</th>")], [h("tr", h("td", 1))], label="Numbers")
    assert 'aria-label="Numbers"' in markup and '<th scope="col">A</th><th>B</th>' in markup


def test_a_link_keeps_its_address_whole() -> None:
    assert 'href="?a=1&amp;b=2"' in link("x", "?a=1&b=2")
