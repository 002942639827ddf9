"""Compare: any checkpoints on the same problems. What may be claimed, curves, every problem, answers and their diff."""

import json
from collections.abc import Sequence
from functools import lru_cache

from haloforge import jobs
from haloforge.errors import ForgeError, RunError
from haloforge.reports.curves import curves, method
from haloforge.reports.document import document
from haloforge.reports.headline import headline, score_table
from haloforge.reports.matrix import picture
from haloforge.reports.plot import Line, Point, plot
from haloforge.reports.settings import differing_settings, provenance
from haloforge.reports.side_by_side import LETTERS, SideBySide
from haloforge.reports.sources import Source
from haloforge.reports.tables import to_csv, to_json
from haloforge.stages.benchmark.held_out import cycle_of
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.checkpoints import choice, entries, is_measured, missing, model_key
from haloforge.ui.cycle_metrics import cycle_metrics
from haloforge.ui.formatting import title
from haloforge.ui.markup import Html, empty, h, link, note
from haloforge.ui.measuring import Missing, benchmark, checkpoint, measured, sources, under_way
from haloforge.ui.page import Page
from haloforge.ui.saved_files import Download, downloads, save_button
from haloforge.ui.view import View, number, open_run, query
from haloforge.ui.widgets.checkpoint_pickers import address, measure_button, missing_note, pickers
from haloforge.ui.widgets.compared_problems import problems
from haloforge.ui.widgets.released import card_run

_MOST_RUNS = 6
"""RAFT runs in one chart."""
_PASS_AT_1 = "held-out pass@1"
_ALONE = (
    "The cycles are compared alone. What a run says of its best cycle is corrected for having tried several, and so "
    "claims less."
)
_SAME = "Two of them are the same result. Choose another one for either."
_FILES = {"report": "Report (HTML)", "csv": "CSV", "json": "JSON"}


def build(page: Page) -> None:
    """Two panes: the comparison, and the chart of RAFT runs; and the files that can be saved of it."""
    page.pane("compare", render, "comparison")
    page.pane("compare", overlay, "overlay-pane")
    page.action("measure", measure)
    downloads(page, "comparison", save)


def render(store: Store, view: View) -> Html:
    """The choice of checkpoints, what can be claimed of their difference, and the problems behind it."""
    known = entries(store)
    if sum(map(is_measured, known)) < 1:
        return empty(
            "Comparing needs a benchmark result, for example of the model before training, or a RAFT run that has "
            "evaluated a cycle.",
            link("Benchmark a model", query({"tab": "benchmark"}), cls="act primary"),
        )
    chosen = choice(store, view, known)
    gone = [note(f"{key} is not there any more; another one is shown.", "error") for key in missing(view, chosen)]
    top = [pickers(view, known, chosen), gone]
    if chosen[0] == chosen[1]:
        top.append(note(_SAME))
        return h("section", top, cls="stack", aria_label="Comparison")
    try:
        body = _body(store, view, chosen, sources(store, chosen, known))
    except ForgeError as error:
        body = note(str(error), "error")
    return h("section", top, body, cls="stack", aria_label="Comparison")


def _body(store: Store, view: View, chosen: Sequence[str], found: Sequence[Source | Missing]) -> Html:
    """The comparison, or what has to be measured before there is one."""
    lacking = [source for source in found if isinstance(source, Missing)]
    if lacking:
        notes = []
        for one in lacking:
            config = benchmark(store, one.model, one.on)
            notes.append(missing_note(view, one, config, under_way(store, config)))
        return h("div", notes, cls="stack")
    sides = [source for source in found if isinstance(source, Source)]
    if len({source.key for source in sides}) < len(sides):
        return note(_SAME)
    try:
        shown = measured(sides, store.root)
    except ForgeError as error:
        return h("div", note(str(error), "error"), _on_the_same(store, view, sides), cls="stack")
    other = min(max(1, number(view, "pair", 1)), len(sides) - 1)
    is_cycle = any(cycle_of(source.key) for source in sides)
    view = {**view, "tab": "compare", **dict(zip(("a", "b"), chosen, strict=False)), "more": ",".join(chosen[2:])}
    return h(
        "div",
        [headline(shown, i, _show_pair(view, i, other, len(sides))) for i in range(1, len(sides))],
        _cards(store, sides),
        h("div", h("span", _ALONE if is_cycle else "", cls="muted"), _save(sides), cls="row spread"),
        _still(shown, other),
        problems(store, view, shown, sides, other),
        h("details", h("summary", "Where the numbers come from"), provenance(shown), id="provenance"),
        cls="stack",
    )


def _cards(store: Store, sides: Sequence[Source]) -> Html | None:
    """Links to the model cards of those that were released."""
    written = [(letter, card_run(store, checkpoint(store, side))) for letter, side in zip(LETTERS, sides, strict=False)]
    links = [link(f"Model card of {letter}", open_run(run.id), cls="act") for letter, run in written if run]
    return h("p", links, cls="row") if links else None


@lru_cache(maxsize=16)
def _still(shown: SideBySide, other: int) -> Html:
    """What does not change while one looks through the problems: scores, curves, settings, the picture of all."""
    left = h("div", h("h3", "pass@k"), curves(shown), cls="card")
    settings = h("div", h("h3", "Settings that differ"), differing_settings(shown))
    right = h("div", settings, h("div", h("h3", "How this is measured"), method(shown)), cls="card stack")
    problems_at_once = h("div", h("h3", "Problems by checkpoints"), picture(shown, other), cls="card")
    return h("div", score_table(shown), h("div", left, right, cls="grid2"), problems_at_once, cls="stack")


def _show_pair(view: View, i: int, other: int, sides: int) -> Html | None:
    """Which of several comparisons the problems below belong to."""
    if sides < 3:
        return None
    if i == other:
        return h("p", "The problems below are of this pair.", cls="muted")
    return h("p", link("Show the problems of this pair", query({**view, "pair": str(i)}, task=None, list=None)))


def _save(sides: Sequence[Source]) -> Html:
    keys = json.dumps([source.key for source in sides])
    buttons = [save_button(text, "comparison", f"{kind} {keys}") for kind, text in _FILES.items()]
    return h("div", buttons, cls="row", role="group", aria_label="Save the comparison")


def save(store: Store, _view: View, value: str) -> Download:
    """A report or a table of the comparison that the button was drawn for. Raises ForgeError where that is gone."""
    kind, _, keys = value.partition(" ")
    known = entries(store)
    wanted = [str(key) for key in json.loads(keys)]
    names = {entry.key for entry in known}
    if kind not in _FILES or not all(key in names or cycle_of(key) for key in wanted):
        raise RunError("what was compared is not there any more; reload the page")
    sides = [source for source in sources(store, wanted, known) if isinstance(source, Source)]
    shown = measured(sides, store.root)
    if kind == "report":
        return Download("comparison.html", "text/html", document(shown, [side.evidence(store) for side in sides]))
    if kind == "csv":
        return Download("comparison.csv", "text/csv", to_csv(shown))
    return Download("comparison.json", "application/json", to_json(shown))


def measure(store: Store, view: View, value: str) -> str:
    """Queue the benchmark that a button names; the comparison then shows the model in the place of what it was of."""
    asked, known = json.loads(value), entries(store)
    if asked["on"] not in {entry.key for entry in known} and not cycle_of(asked["on"]):
        raise RunError("what was to be compared with is not there any more; reload the page")
    [on] = sources(store, [asked["on"]], known)
    if isinstance(on, Missing):
        raise RunError(f"{on.model} has no benchmark itself; choose a result or a cycle to compare with")
    config = benchmark(store, asked["model"], on)
    run = under_way(store, config)
    if run is None or run.is_finished:
        jobs.submit(
            store, config, name=f"{asked['model']} on {on.result['dataset'].get('name') or 'the same problems'}"
        )
    chosen = choice(store, view, known)
    return address(view, [model_key(asked["model"]) if key == asked["instead_of"] else key for key in chosen])


def _on_the_same(store: Store, view: View, sides: Sequence[Source]) -> Html:
    """For results on different problems: a button that benchmarks the later ones on the problems of A."""
    lacking = [Missing(source.key, checkpoint(store, source), sides[0]) for source in sides[1:]]
    buttons = [measure_button(f"Benchmark {one.model} on the problems of A", one, view) for one in lacking]
    return h("div", buttons, cls="row")


def overlay(store: Store, view: View) -> Html:
    """Held-out pass rates of several RAFT runs over their cycles, in one chart."""
    runs = store.runs(stage="raft", limit=_MOST_RUNS)
    reported = cycle_metrics(store, [run.id for run in runs])
    lines, scores = [], []
    for run in runs:
        if rates := metrics.held_out_rates(reported[run.id]):
            scores.append(metrics.held_out_score(reported[run.id]))
            name = title(run) + ("" if scores[-1] == _PASS_AT_1 else f", {scores[-1]}")
            lines.append(Line(name, [Point(*rate) for rate in rates]))
    if len(lines) < 2:
        return Html("")
    what = f"RAFT runs, {scores[0] if len(set(scores)) == 1 else 'held-out score'} by cycle"
    chart = plot(lines, x="cycle; 0 is the model they started from", about=what)
    return h("div", h("h3", what), chart, cls="card")
