"""Lines with bands as inline SVG, from the server: no script, the same on the page and on disk, in any theme."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from haloforge.markup.elements import Html, h
from haloforge.markup.looks import LINES
from haloforge.markup.numbers import percent, share

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 42
_MOST_TICKS = 9


class Point(NamedTuple):
    """A share (0 to 1) at x, with the ends of its interval."""

    x: float
    share: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """One line of a plot, its points by x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axes:
    """Where a point lies in the picture. `log` spaces x by its ratio."""

    xs: Sequence[float]
    top: float
    log: bool

    def x(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self._place(self.xs[0]), self._place(self.xs[-1])
        share = (self._place(value) - low) / (high - low) if high > low else 0.5
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        """Pixels from the top."""
        return _TOP + (1 - share / self.top) * (HEIGHT - _TOP - _BOTTOM)

    def _place(self, value: float) -> float:
        return math.log(value) if self.log else value


def plot(lines: Sequence[Line], *, x: str, about: str, log: bool = False) -> Html:
    """The picture and its legend; `about` says for those who do not see it what it shows. Some line has a point."""
    xs = sorted({point.x for line in lines for point in line.points})
    highest = max(point.share if point.high is None else point.high for line in lines for point in line.points)
    axes = Axes(xs, _round_up(highest), log and xs[0] > 0)
    drawn = [
        *_grid(axes),
        *(_band(line, axes, LINES[i % len(LINES)]) for i, line in enumerate(lines)),
        *(_line(line, axes, LINES[i % len(LINES)]) for i, line in enumerate(lines)),
        h("text", x, x=(WIDTH + _LEFT) / 2, y=HEIGHT - 3, text_anchor="middle"),
    ]
    picture = h("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=about, cls="plot")
    keys = [h("li", h("i", style=f"background:{LINES[i % len(LINES)]}"), line.name) for i, line in enumerate(lines)]
    return h("figure", h("ul", keys, cls="legend") if len(lines) > 1 else None, picture, cls="plotted")


def _grid(axes: Axes) -> list[Html]:
    steps = 4
    shares = [axes.top * i / steps for i in range(steps + 1)]
    parts = []
    for level in shares:
        y = round(axes.y(level), 1)
        parts.append(h("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, cls="grid"))
        digits = 0 if (100 * axes.top) % steps == 0 else 1
        parts.append(h("text", percent(level, digits), x=_LEFT - 6, y=y + 4, text_anchor="end"))
    for x in _ticks(axes):
        parts.append(h("text", f"{x:g}", x=round(axes.x(x), 1), y=HEIGHT - _BOTTOM + 18, text_anchor="middle"))
    return parts


def _ticks(axes: Axes) -> list[float]:
    """The values of x that are written beneath: all, or on a logarithmic scale the powers of two and the last."""
    if len(axes.xs) <= _MOST_TICKS:
        return list(axes.xs)
    if axes.log:
        powers = [x for x in axes.xs if x == 2 ** round(math.log2(x)) and x < 0.8 * axes.xs[-1]]
        return [*powers, axes.xs[-1]]
    step = -(-len(axes.xs) // _MOST_TICKS)
    return list(axes.xs[::step])


def _band(line: Line, axes: Axes, color: str) -> Html | None:
    """The interval at each x as one surface; at a single x as a bar."""
    known = [(p.x, p.low, p.high) for p in line.points if p.low is not None and p.high is not None]
    if not known:
        return None
    if len(known) == 1:
        x, low, high = known[0]
        ends = {"x1": axes.x(x), "x2": axes.x(x), "y1": axes.y(low), "y2": axes.y(high)}
        return h("line", stroke=color, cls="whisker", **{name: round(v, 1) for name, v in ends.items()})
    there = [f"{axes.x(x):.1f},{axes.y(high):.1f}" for x, _, high in known]
    back = [f"{axes.x(x):.1f},{axes.y(low):.1f}" for x, low, _ in reversed(known)]
    return h("polygon", points=" ".join([*there, *back]), fill=color, cls="band")


def _line(line: Line, axes: Axes, color: str) -> Html:
    path = " ".join(f"{axes.x(p.x):.1f},{axes.y(p.share):.1f}" for p in line.points)
    dots = [
        h("circle", h("title", _said(line, p)), cx=round(axes.x(p.x), 1), cy=round(axes.y(p.share), 1), r=3)
        for p in line.points
    ]
    return h("g", h("polyline", points=path, fill="none", stroke=color, stroke_width=1.8), dots, fill=color)


def _said(line: Line, point: Point) -> str:
    value = percent(point.share)
    if point.low is not None and point.high is not None:
        value = share(point.share, point.low, point.high)
    return f"{line.name}, {point.x:g}: {value}"


def _round_up(share: float) -> float:
    """The end of the axis: the next of a few round shares."""
    return next((end for end in (0.04, 0.08, 0.2, 0.4, 0.6, 0.8) if share <= end), 1.0)
