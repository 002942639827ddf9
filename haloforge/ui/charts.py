"""Plotly figures as plain data. The browser sets the colours of text and grid, which depend on its theme."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from haloforge.records import Status
from haloforge.ui.markup import Html, h
from haloforge.ui.palette import ACCENT, VERDICTS

Figure = dict[str, Any]

MAX_POINTS = 800
"""Points of one line that are sent to the browser."""
_MARKERS_UP_TO = 40
"""Points of a line that are drawn with markers; of longer lines markers would hide the line."""
_QUIET = "#7c8aa0"
"""Bars that only count: the accent is for what is measured of a run."""
_LINE_COLORS = (ACCENT, "#4f86e8", "#22a35a", "#8b6be0", "#d99a26", "#2aa5bf")
_PERCENT = {"tickformat": ".3~g", "ticksuffix": " %"}
"""An axis of shares, written as elsewhere on the page; Plotly's own format has no space."""


def chart(name: str, figure: Figure, title: str, note: str = "", *, flat: bool = False) -> Html:
    """A figure in a box with a title. Zoom is kept over redraws that have the same `name`."""
    box = h(
        "div",
        id=name,
        cls="chart flat" if flat else "chart",
        data_chart=json.dumps(figure),
        role="figure",
        aria_label=title,
    )
    return h("div", h("div", h("h3", title), h("span", note, cls="muted"), cls="row spread"), box, cls="card")


def lines(series: Mapping[str, Sequence[tuple[float, float]]], *, x: str, key: str, log: bool = False) -> Figure:
    """One line per series of (x, y). Long series are thinned, but their spikes stay."""
    data = []
    for color, (name, points) in zip(_colors(len(series)), series.items(), strict=True):
        shown = thin(points)
        mode = "lines" if len(shown) > _MARKERS_UP_TO else "lines+markers"
        data.append(
            {
                "type": "scatter",
                "mode": mode,
                "name": name,
                "x": [p[0] for p in shown],
                "y": [p[1] for p in shown],
                "line": {"color": color, "width": 1.6},
                "marker": {"size": 5},
            }
        )
    layout = _layout(key, x, legend=len(series) > 1)
    layout["yaxis"] |= {"type": "log"} if log else {}
    layout["xaxis"] |= _room_around(series)
    return {"data": data, "layout": layout}


def rates(
    series: Mapping[str, Sequence[tuple[float, float, float | None, float | None]]], *, x: str, key: str
) -> Figure:
    """Shares (0 to 1) with 95 % intervals: (x, share, low, high) per point; low and high may be None."""
    data = []
    for color, (name, points) in zip(_colors(len(series)), series.items(), strict=True):
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": [p[0] for p in points],
                "y": [100 * p[1] for p in points],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [None if p[3] is None else 100 * (p[3] - p[1]) for p in points],
                    "arrayminus": [None if p[2] is None else 100 * (p[1] - p[2]) for p in points],
                    "thickness": 1,
                    "width": 4,
                },
                "line": {"color": color, "width": 1.8},
                "marker": {"size": 6},
            }
        )
    layout = _layout(key, x, legend=len(series) > 1)
    layout["yaxis"] |= {**_PERCENT, "hoverformat": ".1f", "rangemode": "tozero"}
    layout["xaxis"] |= {"tickformat": "d", "dtick": _tick_distance(series)} | _room_around(series)
    return {"data": data, "layout": layout}


def shares(counts: Mapping[str, Mapping[Status, int]], *, x: str, key: str) -> Figure:
    """A stacked bar per group (cycle) with a colour per verdict status that occurs; without groups (no `x`) it lies."""
    present = [status for status in VERDICTS if any(group.get(status) for group in counts.values())]
    totals = [sum(group.values()) or 1 for group in counts.values()]
    flat = not x
    data = []
    for status in present:
        numbers = [group.get(status, 0) for group in counts.values()]
        parts = [100 * n / total for n, total in zip(numbers, totals, strict=True)]
        groups = list(counts) if x else ["all"]
        data.append(
            {
                "type": "bar",
                "orientation": "h" if flat else "v",
                "name": VERDICTS[status].word,
                "x": parts if flat else groups,
                "y": groups if flat else parts,
                "customdata": numbers,
                "hovertemplate": "%{customdata} (%{x:.1f} %)" if flat else "%{customdata} (%{y:.1f} %)",
                "marker": {"color": VERDICTS[status].chart},
            }
        )
    layout = _layout(key, "" if flat else x, legend=True)
    share, group = ("xaxis", "yaxis") if flat else ("yaxis", "xaxis")
    layout |= {"barmode": "stack", "bargap": 0.35, "hovermode": "closest" if flat else "x unified"}
    layout[group] |= {"type": "category", "title": {"text": x}}
    layout[share] |= {**_PERCENT, "range": [0, 100]}
    return {"data": data, "layout": layout}


def bars(edges: Sequence[int], counts: Sequence[int], *, x: str, key: str) -> Figure:
    """A histogram: `counts[i]` things lie from `edges[i]` to below `edges[i + 1]`."""
    spans = [f"{low} to {high - 1}" for low, high in zip(edges, edges[1:], strict=False)]
    data = {
        "type": "bar",
        "x": [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)],
        "y": list(counts),
        "width": [high - low for low, high in zip(edges, edges[1:], strict=False)],
        "customdata": spans,
        "hovertemplate": "%{customdata}: %{y}<extra></extra>",
        "marker": {"color": _QUIET},
    }
    layout = _layout(key, x, legend=False)
    layout |= {"bargap": 0.08, "hovermode": "closest"}
    layout["yaxis"] |= {"rangemode": "tozero"}
    return {"data": [data], "layout": layout}


def thin(points: Sequence[tuple[float, float]], limit: int = MAX_POINTS) -> list[tuple[float, float]]:
    """About `limit` points at most: the lowest and the highest of every bucket, in their order, so that spikes stay."""
    if len(points) <= limit:
        return list(points)
    size = -(-len(points) * 2 // limit)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        ends = {
            min(range(len(bucket)), key=lambda i: bucket[i][1]),
            max(range(len(bucket)), key=lambda i: bucket[i][1]),
        }
        kept += [bucket[i] for i in sorted(ends)]
    return kept


def _colors(n: int) -> list[str]:
    return [_LINE_COLORS[i % len(_LINE_COLORS)] for i in range(n)]


def _room_around(series: Mapping[str, Sequence[Sequence[float | None]]]) -> Figure:
    """The range of an x axis with a single place on it; Plotly would show two units on either side, below zero too."""
    places = {float(p[0] or 0) for points in series.values() for p in points}
    only = places.pop() if len(places) == 1 else None
    return {} if only is None else {"range": [only - 0.5, only + 0.5], "dtick": 1}


def _tick_distance(series: Mapping[str, Sequence[Sequence[float | None]]]) -> int:
    """A whole number that gives the x axis about eight ticks."""
    highest = max((int(p[0] or 0) for points in series.values() for p in points), default=1)
    return max(1, highest // 8)


def _layout(key: str, x: str, *, legend: bool) -> Figure:
    """`key` is the id of the run: plotly keeps the zoom while it is the same."""
    return {
        "uirevision": key,
        "margin": {"l": 44, "r": 10, "t": 28 if legend else 8, "b": 36},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 11},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 11},
            "traceorder": "normal",
        },
        "hovermode": "x unified",
        "xaxis": {"title": {"text": x, "standoff": 6}, "zeroline": False, "ticks": ""},
        "yaxis": {"zeroline": False, "automargin": True, "ticks": ""},
    }
