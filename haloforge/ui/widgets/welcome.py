"""Above the runs: what this is, the pipeline with the newest result of every stage, and a first run of one's own."""

from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.markup import Html, button, h, join, link
from haloforge.ui.recorded import is_recorded
from haloforge.ui.view import View, open_run, query

_WHAT = (
    "halo-forge makes a small language model a better coder: it samples programs, runs each against a compiler or "
    "tests, and trains on those that pass."
)
_RECORDED = (
    "The runs below were recorded on a CPU and came with the package, with every sample and verdict: open and "
    "compare them"
)
_STEPS = (
    ("data", "Data", "problems with tests", ("data-prepare", "data-generate")),
    ("sft", "SFT", "learn from solutions", ("sft",)),
    ("raft", "RAFT", "learn from own passing programs", ("raft",)),
    ("benchmark", "Benchmark", "measure pass@k", ("benchmark",)),
    ("compare", "Compare", "is it better?", ()),
    ("release", "Release", "files and card for others", ("release",)),
    ("playground", "Playground", "ask it for code", ()),
)
"""Tab, its name, what happens there, and the stages of its runs."""


def render(store: Store, view: View, *, read_only: bool = False) -> Html:
    """A newcomer also reads what this is, and is offered a first run; whoever has runs sees the pipeline alone."""
    runs = store.runs(limit=_NEWEST)
    is_new = all(map(is_recorded, runs))
    aside = " aside" if view.get("run") else ""  # a phone then shows the run instead
    steps = h("ol", [_step(store, *step) for step in _STEPS], cls=f"pipeline{aside}", aria_label="The pipeline")
    if not is_new:
        return steps
    recorded = f"{_RECORDED}." if read_only else f"{_RECORDED}, and delete them when they are in the way."
    first = button("Try it: a real run, about two minutes", "try", cls="act primary")
    whole = link("Train a model: the whole pipeline", query({"tab": "pipeline"}), cls="act")
    return h(
        "section",
        h("h2", _WHAT),
        steps,
        h("div", [] if read_only else [first, whole], h("p", recorded, cls="muted") if runs else None, cls="row"),
        cls=f"card stack welcome{aside}",
        aria_label="What this is",
    )


_NEWEST = 12
"""More than are recorded: where all of so many are, all are."""


def _step(store: Store, tab: str, name: str, what: str, stages: tuple[str, ...]) -> Html:
    newest = store.newest_done(stages)
    figure = metrics.figure(newest.run.stage, newest.figures) if newest else metrics.Figure("", "")
    text = f"{figure.value} {figure.caption}"
    result = link(text, open_run(newest.run.id), title="the newest result") if newest and figure.value else None
    return h("li", join([link(name, query({"tab": tab})), h("span", what, cls="muted"), result]))
