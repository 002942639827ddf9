"""Where a run comes from and what came of it, drawn: data, SFT, RAFT, benchmark from left to right."""

from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui import lineage
from haloforge.ui.formatting import title
from haloforge.ui.markup import Html, h
from haloforge.ui.palette import RUNS, STAGES
from haloforge.ui.view import View, open_run

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 168, 42, 44, 10
_MOST_LETTERS = 24


def render(store: Store, run: Run, view: View) -> Html | None:
    """The drawing; None for a run that stands alone."""
    graph = lineage.of(store, run)
    if len(graph.runs) < 2:
        return None
    places = _places(graph)
    width = max(x for x, _ in places.values()) + _WIDTH + 1
    height = max(y for _, y in places.values()) + _HEIGHT + 1
    edges = [_edge(places[source], places[reader]) for source, reader in sorted(graph.edges)]
    nodes = [_node(other, places[other.id], view, is_chosen=other.id == run.id) for other in graph.runs]
    drawing = h(
        "svg",
        edges,
        nodes,
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="group",
        aria_label="Lineage",
    )
    box = h("div", drawing, cls="lineage", data_keep="lineage", tabindex=0, role="region", aria_label="Lineage")
    return h("section", h("h3", "Comes from, and led to"), box, cls="card")


def _places(graph: lineage.Graph) -> dict[str, tuple[int, int]]:
    """Corner of each run's box: a column for its stage, below each other in the order of their creation."""
    columns: dict[int, list[Run]] = {}
    for run in sorted(graph.runs, key=lambda r: r.created):
        columns.setdefault(lineage.ORDER.get(run.stage, 0), []).append(run)
    return {
        run.id: (place * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y))
        for place, column in enumerate(sorted(columns))
        for row, run in enumerate(columns[column])
    }


def _edge(source: tuple[int, int], reader: tuple[int, int]) -> Html:
    x1, y1 = source[0] + _WIDTH, source[1] + _HEIGHT / 2
    x2, y2 = reader[0], reader[1] + _HEIGHT / 2
    if x2 <= x1 - _WIDTH:  # both in one column
        x1, x2 = source[0] + _WIDTH, reader[0] + _WIDTH
        return h("path", d=f"M{x1} {y1} C{x1 + 24} {y1} {x2 + 24} {y2} {x2} {y2}")
    middle = (x1 + x2) / 2
    return h("path", d=f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}")


def _node(run: Run, place: tuple[int, int], view: View, *, is_chosen: bool) -> Html:
    x, y = place
    name = title(run)
    short = name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
    texts = [
        h("title", name),
        h("rect", x=x + 0.5, y=y + 0.5, width=_WIDTH, height=_HEIGHT, rx=6),
        h("text", short, x=x + 10, y=y + 17),
        h("text", f"{STAGES.get(run.stage, run.stage)}, {RUNS[run.status].word}", x=x + 10, y=y + 33, cls="muted"),
    ]
    return h(
        "a",
        texts,
        href=open_run(run.id, view),
        cls="on" if is_chosen else None,
        aria_current="true" if is_chosen else None,
    )
