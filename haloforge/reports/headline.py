"""What can be claimed of the difference between two results, and the scores behind it."""

from collections.abc import Mapping
from typing import Any

from haloforge.markup.elements import Child, Html, h, table
from haloforge.markup.numbers import change, count, number, percent, share
from haloforge.reports.side_by_side import Side, SideBySide
from haloforge.stages.benchmark.compare import Pair
from haloforge.statistics import Estimate

_TONES = {"better": "good", "worse": "bad"}
_SHARES = (
    ("truncations", "Cut off"),
    ("extraction_failures", "No program"),
    ("unscored", "Not judged"),
)
"""What makes a score say little: its name in a result, and the head of its column."""


def headline(shown: SideBySide, other: int, *more: Child) -> Html:
    """The difference with its interval and better, worse or no detectable change; or doubtful, and why, in its place.

    `more` stands behind the lines beneath.
    """
    first, side, pair = shown.sides[0], shown.sides[other], shown.pair(other)
    difference = pair.paired.difference
    tone = "doubt" if pair.doubts else _TONES.get(pair.paired.verdict, "plain")
    claim = f"doubtful, because {_reasons(pair.doubts)}" if pair.doubts else pair.paired.verdict
    rates = f"{first.letter} {_rate(first.strict)} → {side.letter} {_rate(side.strict)}"
    return h(
        "div",
        h("p", h("b", claim, cls="claim"), cls=f"headline {tone}"),
        h("p", f"{rates}: {_change(difference)}, 95 % interval", cls="difference"),
        h("p", _about(shown, other), cls="muted"),
        _granted(pair),
        more,
        cls=f"card verdict {tone}-claim",
    )


def score_table(shown: SideBySide) -> Html:
    """A line per result: strict and name-granted score, each with its interval, and what makes it doubtful."""
    heads: list[Child] = ["", "Checkpoint", *(_right(head) for head in _heads(shown))]
    rows = [
        h("tr", h("td", _letter(side)), h("td", side.name, cls="named"), [h("td", cell, cls="num") for cell in cells])
        for side, cells in ((side, _cells(shown, side)) for side in shown.sides)
    ]
    return table(heads, rows, label="Scores", cls="scores")


def _heads(shown: SideBySide) -> list[str]:
    granted = ["Name granted"] if any(side.granted for side in shown.sides) else []
    return [shown.score, *granted, "Problems", "Samples each", *(head for _, head in _SHARES)]


def _cells(shown: SideBySide, side: Side) -> list[Child]:
    granted = [_estimate(side.granted)] if any(s.granted for s in shown.sides) else []
    scored = [tally.scored for tally in side.tallies if tally.scored]
    few, many = min(scored, default=0), max(scored, default=0)
    return [
        _estimate(side.strict),
        *granted,
        f"{number(len(scored))} of {number(len(side.tallies))}",
        number(many) if few == many else f"{few} to {many}",
        *(_share(side.result, name) for name, _ in _SHARES),
    ]


def _about(shown: SideBySide, other: int) -> str:
    first, side, pair = shown.sides[0], shown.sides[other], shown.pair(other)
    words = [
        f"{pair.score} of {side.name} ({side.letter}) against {first.name} ({first.letter}) on the same "
        f"{count(pair.paired.problems, 'problem')}",
        f"p = {pair.paired.p_value:.2g} ({pair.paired.test}{_corrected(shown)})",
    ]
    if pair.paired.verdict == "no detectable change":
        least, d = pair.paired.detectable, pair.paired.difference
        if not d.low <= 0 <= d.high:
            words.append("the interval leaves out 0, but the test does not agree")
        words.append(
            f"gains above {100 * least:.1f} points would be found" if least < 1 else "too few problems to find any gain"
        )
    return "; ".join(words) + "."


def _corrected(shown: SideBySide) -> str:
    tried = len(shown.sides) - 1
    return f", corrected for {tried} comparisons" if tried > 1 else ""


def _granted(pair: Pair) -> Html | None:
    if pair.granted is None:
        return None
    said = f"With the requested name granted: {_change(pair.granted.difference)}"
    claim = f", {pair.granted.verdict}. What is left of a gain here is more than the right name of the function."
    return h("p", said, "." if pair.doubts else claim, cls="muted")


def _reasons(doubts: list[str]) -> str:
    return "; ".join(dict.fromkeys(doubts))


def _rate(estimate: Estimate | None) -> str:
    return "not scored" if estimate is None else percent(estimate.value)


def _estimate(estimate: Estimate | None) -> Child:
    if estimate is None:
        return h("span", "not measured", cls="muted")
    return share(estimate.value, estimate.low, estimate.high)


def _change(difference: Estimate) -> str:
    return change(difference.value, difference.low, difference.high)


def _share(result: Mapping[str, Any], name: str) -> Child:
    found = result.get(name)
    if found is None:
        return h("span", "not known", cls="muted")
    return percent(found["share"]) if found["count"] else "none"


def _right(text: str) -> Html:
    return h("th", text, scope="col", cls="num")


def _letter(side: Side) -> Html:
    return h("b", side.letter, cls="letter")
