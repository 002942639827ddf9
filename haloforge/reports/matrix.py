"""Problems by checkpoints: how many samples passed, as one picture of all problems and as rows."""

from collections.abc import Callable, Sequence

from haloforge.markup.elements import Child, Html, h, table
from haloforge.markup.numbers import count
from haloforge.reports.side_by_side import Row, SideBySide, ordered
from haloforge.stages.shared.scores import Tally

_LEVELS = 8
"""Steps of colour from no pass to all passes."""
_DEEPEST = 36
"""Percent of green in the cell of a problem that all samples solve."""

Tr = Callable[[Row, list[Html]], Html]
"""A row of the table from a problem and its cells."""


def picture(shown: SideBySide, other: int) -> Html:
    """All problems at once, a column each, the largest gain on the left; a row per checkpoint."""
    rows = ordered(shown.rows, "gain", other)
    strips = [
        h("path", d=_path(rows, place, level), cls=f"level{level}")
        for place in range(len(shown.sides))
        for level in range(_LEVELS + 1)
    ]
    size = f"0 0 {len(rows)} {len(shown.sides)}"
    about = (
        f"{count(len(rows), 'problem')} as columns, sorted from the largest gain to the largest loss of "
        f"{shown.sides[other].letter}; the stronger the colour, the more samples passed"
    )
    svg = h("svg", strips, viewBox=size, preserveAspectRatio="none", role="img", aria_label=about, cls="strips")
    letters = h("div", [h("b", side.letter) for side in shown.sides], cls="letters", aria_hidden="true")
    height = f"height:{18 * len(shown.sides)}px"
    return h(
        "figure",
        h("div", letters, svg, cls="rows", style=height),
        h("figcaption", f"{about}.", cls="muted small"),
        cls="matrix",
    )


def matrix(shown: SideBySide, rows: Sequence[Row], other: int, name: Callable[[Row], Child], tr: Tr) -> Html:
    """A line for each of these problems: its name, passes of samples in each checkpoint, and the change from A."""
    heads: list[Child] = [
        "Problem",
        *(h("th", side.letter, scope="col", cls="num", title=side.name) for side in shown.sides),
        h("th", f"A to {shown.sides[other].letter}", scope="col", cls="num"),
    ]
    lines = [tr(row, [h("td", name(row), cls="mono name"), *cells(row, other)]) for row in rows]
    return table(heads, lines, label="Problems compared", cls="walk matrix")


def cells(row: Row, other: int) -> list[Html]:
    """Passes of samples in each checkpoint, and the change in points."""
    change = row.change(other)
    tone = "" if not change else " good" if change > 0 else " bad"
    text = "" if change is None else f"{100 * change:+.0f}" if change else "0"
    return [*(_cell(tally) for tally in row.tallies), h("td", text, cls=f"num{tone}")]


def _cell(tally: Tally | None) -> Html:
    if tally is None or not tally.scored:
        return h("td", "not scored", cls="num muted")
    tint = f"--p:{_DEEPEST * tally.rate:.0f}%"
    return h("td", f"{tally.passed}/{tally.scored}", cls="num cell", style=tint)


def _path(rows: Sequence[Row], place: int, level: int) -> str:
    """The outline of the problems of one level of colour; neighbours are one rectangle."""
    parts, start = [], -1
    levels = [_level(row.tallies[place]) for row in rows]
    for i, here in enumerate([*levels, -2]):
        if here == level and start < 0:
            start = i
        elif here != level and start >= 0:
            parts.append(f"M{start} {place}h{i - start}v.88h-{i - start}z")
            start = -1
    return "".join(parts)


def _level(tally: Tally | None) -> int:
    return round(_LEVELS * tally.rate) if tally and tally.scored else -1
