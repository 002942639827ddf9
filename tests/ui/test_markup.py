"""Markup: what comes from outside is text, and stays text."""

from hypothesis import given
from hypothesis import strategies as st

from haloforge.records import Tests, Verdict
from haloforge.ui.markup import Html, button, h, join, link, table
from haloforge.ui.widgets.verdict import verdict_box


@given(st.text())
def test_text_never_becomes_an_element(text: str) -> None:
    markup = h("p", text, title=text)
    inner = markup[markup.index(">") + 1 : -len("</p>")]
    assert "<" not in inner and inner.count("&") == sum(text.count(c) for c in "&<>\"'")


def test_markup_is_not_escaped_twice() -> None:
    assert h("div", h("b", "a & b")) == "<div><b>a &amp; b</b></div>"


def test_nothing_writes_nothing() -> None:
    assert h("p", None, False, [], "") == "<p></p>" and join(["a", None, "b"], between=", ") == "a, b"


def test_half_characters_which_no_browser_can_be_sent_are_replaced() -> None:
    assert h("p", "a\ud83d", title="\udfff") == '<p title="?">a?</p>'


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


def test_a_verdict_cannot_bring_markup_into_a_page() -> None:
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J"
    verdict = Verdict("wrong_answer", detail=hostile, diagnostics=hostile, isolation=hostile, tests=(hostile,))
    shown = verdict_box(verdict, Tests("asserts", code=(hostile,)))
    assert "<script" not in shown and "<img" not in shown and shown.count("&lt;script&gt;") == 5


def test_an_attribute_may_be_zero() -> None:
    assert h("pre", "x", tabindex=0, aria_valuenow=0) == '<pre tabindex="0" aria-valuenow="0">x</pre>'
