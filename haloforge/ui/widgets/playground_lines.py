"""Two things beneath the Playground: what blind votes say so far, and which models are in memory."""

from collections.abc import Sequence

from haloforge.records import Run
from haloforge.ui.formatting import count, title
from haloforge.ui.loaded_models import IDLE_S, Held
from haloforge.ui.markup import Html, button, h, join, link, table
from haloforge.ui.view import open_run
from haloforge.ui.voting import Pair

UNLOAD = "unload-models"
"""The action that lets go of every model that nobody uses."""


def memory_line(held: Sequence[Held], run: Run | None, *, can_unload: bool = True) -> Html:
    """Who holds the memory: models of the Playground, and the run that is at work."""
    parts: list[Html] = []
    if run is not None:
        rest = (
            " is at work and has the machine first: answers here are slower, and a model leaves the memory as soon as "
            "it has answered."
        )
        parts.append(join([link(title(run), open_run(run.id)), rest]))
    if held:
        names = ", ".join(f"{model.name}{' (answering)' if model.is_in_use else ''}" for model in held)
        rule = "" if run else f" They leave after {IDLE_S / 60:.0f} minutes without a question."
        parts.append(h("span", f"In memory for the Playground: {names}.{rule}"))
    if not parts:
        return Html("")
    unload = button("Unload", UNLOAD) if can_unload and not all(model.is_in_use for model in held) else None
    return h("div", h("div", [h("p", part) for part in parts]), unload, cls="note row spread")


def tally(pairs: Sequence[Pair]) -> Html:
    """How often each model of a pair was found better in blind votes."""
    if not pairs:
        return Html("")
    num = {"scope": "col", "cls": "num"}
    heads = (
        "Models",
        h("th", "Better", **num),
        h("th", "No difference", **num),
        h("th", "Better", **num),
        "Models",
        "",
    )
    votes = sum(sum(pair[2:]) for pair in pairs)
    note = "Of three or four models, the best counts as better than each of the others."
    return h(
        "section",
        h("div", h("h2", "Blind votes"), h("span", f"{count(votes, 'comparison')}. {note}", cls="muted"), cls="row"),
        table(heads, [_pair(pair) for pair in pairs], label="Blind votes"),
        cls="stack",
        style="gap:8px",
    )


def _pair(pair: Pair) -> Html:
    says = f"{pair.better} is better (p = {pair.p_value:.2g})" if pair.better else "may be chance"
    return h(
        "tr",
        h("td", pair.first, cls="mono break"),
        h("td", pair.for_first, cls="num"),
        h("td", pair.equal, cls="num"),
        h("td", pair.for_second, cls="num"),
        h("td", pair.second, cls="mono break"),
        h("td", says, cls=None if pair.better else "muted"),
    )
