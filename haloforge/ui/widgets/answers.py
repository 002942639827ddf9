"""The answers of the Playground's models, side by side, with their verdicts."""

from collections.abc import Sequence

from haloforge.records import Problem
from haloforge.ui.formatting import count
from haloforge.ui.generation import Answer
from haloforge.ui.markup import Html, h, note
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.verdict import verdict_box

_STATES = {
    "waiting": "waiting for its turn",
    "loading": "loading the model",
    "writing": "writing",
    "verifying": "verifying",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
}
_MIN_SECONDS = 0.2
"""A speed that is measured over less time than this says nothing."""


def render(answers: Sequence[Answer], problem: Problem) -> Html:
    """One column per model."""
    return h("div", [_column(answer, problem) for answer in answers], cls="grid2" if len(answers) > 1 else "stack")


def _column(answer: Answer, problem: Problem) -> Html:
    return h(
        "article",
        h("div", h("h2", answer.model, cls="mono"), h("span", _pace(answer), cls="muted"), cls="row spread"),
        note(answer.error, "error") if answer.error else None,
        _text(answer, problem),
        verdict_box(answer.verdict, problem.tests) if answer.verdict else None,
        cls="card stack",
        aria_label=f"Answer of {answer.model}",
    )


def _text(answer: Answer, problem: Problem) -> Html | None:
    """The text while it grows; after that the code in it, with the whole answer folded."""
    raw = h(
        "pre", answer.text, cls="wrap", tabindex=0, role="log", aria_label="Answer", data_keep="answer", data_end=True
    )
    if answer.state not in ("verifying", "done"):
        return raw if answer.text else None
    if answer.code is None:
        return raw
    folded = h(
        "details", h("summary", "Whole answer"), plain(answer.text, label="Whole answer"), id=f"whole-{answer.model}"
    )
    return h("div", code(answer.code, problem.language), folded, cls="stack")


def _pace(answer: Answer) -> str:
    state = _STATES[answer.state]
    if not answer.pieces:
        return state
    speed = f", {answer.pieces / answer.seconds:.0f} tokens/s" if answer.seconds > _MIN_SECONDS else ""
    return f"{state}: {count(answer.pieces, 'token')}{speed}"
