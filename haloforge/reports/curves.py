"""pass@k curves of results, and how their bands are made."""

from haloforge.markup.elements import Html, h, table
from haloforge.markup.numbers import count, share
from haloforge.reports.plot import Line, Point, plot
from haloforge.reports.side_by_side import Side, SideBySide

METHOD = (
    "pass@k by the unbiased estimator (Chen et al. 2021), averaged over problems; bands: 95 % at each k, percentile "
    "bootstrap over problems (variants of a problem are drawn together) with 10,000 draws, widened for small numbers "
    "(Hesterberg 2015); Wilson (1927) where every problem scores 0 or 1."
)
_LINEAR_UP_TO = 10


def curves(shown: SideBySide) -> Html:
    """One line with its band per result; a sentence where there is one k alone."""
    drawn, most = _drawn(shown)
    if most < 2:
        return h("p", "One sample per problem: there is no curve over k.", cls="muted")
    lines = [
        Line(
            f"{side.letter} {side.name}",
            [Point(k, e.value, e.low, e.high) for k, e in zip(side.curve.ks, side.curve.estimates, strict=True)],
        )
        for side in drawn
    ]
    about = f"{shown.score.replace('@1', '@k')} from k = 1 to {most} of {count(len(drawn), 'checkpoint')}, with bands"
    return plot(lines, x="k", about=about, log=most > _LINEAR_UP_TO)


def method(shown: SideBySide) -> Html:
    """How the curves are made, what is left out of them, and their numbers in a table."""
    drawn, most = _drawn(shown)
    left_out = [
        f"{side.letter}: {count(len(side.tallies) - side.curve.problems, 'problem')} with fewer samples left out."
        for side in drawn
        if side.curve.problems < len(side.tallies)
    ]
    words = [h("p", text, cls="muted small") for text in (METHOD, *left_out)]
    numbers = h("details", h("summary", "The curves as numbers"), _numbers(shown), id="curve-numbers")
    return h("div", words, numbers if most > 1 else None, cls="stack tight")


def _drawn(shown: SideBySide) -> tuple[list[Side], int]:
    """The sides that have a curve, and the largest k."""
    drawn = [side for side in shown.sides if side.curve.ks]
    return drawn, max((side.curve.ks[-1] for side in drawn), default=0)


def _numbers(shown: SideBySide) -> Html:
    ks = sorted({k for side in shown.sides for k in side.curve.ks})
    by_side = [dict(zip(side.curve.ks, side.curve.estimates, strict=True)) for side in shown.sides]
    rows = [
        h(
            "tr",
            h("td", k, cls="num"),
            [h("td", share(e.value, e.low, e.high) if (e := known.get(k)) else "", cls="num") for known in by_side],
        )
        for k in ks
    ]
    heads = [h("th", name, scope="col", cls="num") for name in ("k", *(side.letter for side in shown.sides))]
    return table(heads, rows, label="pass@k")
