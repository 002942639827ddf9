"""The answers of the Playground's models, side by side, with their verdicts; in a blind vote without their names."""

from collections.abc import Sequence
from string import ascii_uppercase

from haloforge.records import Verdict
from haloforge.ui import rewards
from haloforge.ui.formatting import count, number
from haloforge.ui.generation import Answer, Attempt
from haloforge.ui.markup import Html, h, note
from haloforge.ui.playground_request import Request
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.verdict import verdict_box

_STATES = {
    "waiting": "waiting for its turn",
    "loading": "loading the model",
    "writing": "writing",
    "verifying": "verifying",
    "sampling": "sampling the others",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
}
_MIN_SECONDS = 0.2
"""A speed that is measured over less time than this says nothing."""
EDIT, VOTE, REVEAL = "edit", "vote", "reveal"
"""What the buttons beneath the answers ask for."""
NOBODY = "nobody"
"""The vote that finds no difference."""


def render(answers: Sequence[Answer], request: Request, *, hidden: bool = False, said: str = "") -> Html:
    """One column per model; `hidden` shows letters for the models. `said` is a sentence about the vote."""
    columns = [_column(i, answer, request, hidden=hidden) for i, answer in enumerate(answers)]
    many = {1: "stack", 2: "grid2", 3: "grid3", 4: "grid4"}[len(columns)]
    return h(
        "div",
        h("div", columns, cls=many),
        _ballot(answers) if hidden else None,
        said and note(said, "good"),
        cls="stack",
    )


def letter(index: int) -> str:
    """The name of a model whose name is hidden."""
    return f"Model {ascii_uppercase[index]}"


def _column(index: int, answer: Answer, request: Request, *, hidden: bool) -> Html:
    name = letter(index) if hidden else answer.model
    error = "This model failed; show the names to read why." if hidden and answer.error else answer.error
    return h(
        "article",
        h(
            "div",
            h("h2", name, cls="mono break"),
            h("span", _pace(answer, request, hidden=hidden), cls="muted"),
            cls="row spread",
        ),
        note(error, "error") if error else None,
        _passes(answer, request) if answer.wanted > 1 else None,
        _text(index, answer, request, name),
        _verdict(answer.verdict, request, is_cut=False) if answer.verdict else None,
        _others(index, answer, request),
        cls="card stack",
        aria_label=f"Answer of {name}",
    )


def _passes(answer: Answer, request: Request) -> Html:
    """ "3 of 8 passed"; what has no verdict of ours is not counted."""
    scored = [a.verdict for a in answer.attempts if a.verdict and a.verdict.status != "unscored"]
    passed = sum(verdict.passed for verdict in scored)
    word = "passed" if request.problem.tests.kind != "none" else "compiled"
    waiting = answer.wanted - len(answer.attempts)
    tail = f", {number(waiting)} to come" if waiting and not answer.is_over else ""
    return h("p", h("b", f"{number(passed)} of {number(len(scored))}"), f" {word}{tail}", cls="passes")


def _text(index: int, answer: Answer, request: Request, name: str) -> Html | None:
    """The text while it grows; after that the code in it, with the whole answer folded."""
    raw = h(
        "pre",
        answer.text,
        cls="wrap",
        tabindex=0,
        role="log",
        aria_label="Answer",
        data_keep=f"answer-{index}",
        data_end=True,
    )
    if answer.state in ("waiting", "loading", "writing"):
        return raw if answer.text else None
    if answer.code is None:
        advice = note(_advice(request)) if answer.verdict and answer.pieces >= request.max_new_tokens else None
        return h("div", raw if answer.text else None, advice, cls="stack")
    folded = h(
        "details",
        h("summary", "Whole answer"),
        plain(answer.text, label=f"Whole answer of {name}"),
        id=f"whole-{index}",
    )
    return h("div", _program(index, 0, answer.code, request.problem.language), folded, cls="stack")


def _advice(request: Request) -> str:
    return (
        f"It has no program, and ended at the limit of {number(request.max_new_tokens)} tokens: raise Max new tokens "
        "under Sampling."
    )


def _program(index: int, attempt: int, text: str, language: str) -> Html:
    edit = h("button", "Edit and verify again", cls="act", type="button", data_pick=f"{EDIT}:{index}:{attempt}")
    return h("div", code(text, language, label=f"Program {index + 1}.{attempt + 1}"), edit, cls="stack tight")


def _verdict(verdict: Verdict, request: Request, *, is_cut: bool) -> Html:
    learns, why = rewards.lesson(verdict, request.problem.tests, request.threshold, is_cut=is_cut)
    lesson = f"{'could learn' if learns else 'would not learn'} from it: {why}"
    return verdict_box(verdict, request.problem.tests, binary=request.verifier.reward == "binary", lesson=lesson)


def _others(index: int, answer: Answer, request: Request) -> Html | None:
    """The answers after the first, one folded line each."""
    if not answer.more:
        return None
    start = 1 if answer.verdict else 0
    rows = [_other(index, start + i, attempt, request) for i, attempt in enumerate(answer.more)]
    return h("div", h("h3", "The other answers"), rows, cls="stack tight")


def _other(index: int, place: int, attempt: Attempt, request: Request) -> Html:
    verdict = attempt.verdict
    tests = f"{verdict.tests_passed} of {verdict.tests_total} tests" if verdict and verdict.tests_total else ""
    head = h(
        "summary",
        f"Answer {place + 1} ",
        chips.verdict(verdict.status if verdict else None),
        f" {tests}",
        " cut off at the limit" if attempt.is_cut else "",
    )
    program = (
        _program(index, place, attempt.code, request.problem.language)
        if attempt.code is not None
        else plain(attempt.text, label=f"Answer {place + 1}", cls="wrap short")
    )
    judged = _verdict(verdict, request, is_cut=attempt.is_cut) if verdict else None
    return h("details", head, h("div", program, judged, cls="stack"), id=f"other-{index}-{place}")


def _ballot(answers: Sequence[Answer]) -> Html | None:
    """The buttons of a blind vote, once every model has ended; the keys 1 to 4 and 0 press them."""
    if not all(answer.is_over for answer in answers):
        return note("The vote opens when all models have answered.")
    reveal = h("button", "Show the names without a vote", cls="act", type="button", data_pick=REVEAL)
    if sum(bool(answer.attempts) for answer in answers) < 2:
        return h(
            "div",
            h("span", "Fewer than two models have answered, so there is nothing to vote on."),
            reveal,
            cls="row ballot",
        )
    buttons = [
        h(
            "button",
            f"{letter(i)} is best",
            h("kbd", i + 1),
            cls="act",
            type="button",
            data_pick=f"{VOTE}:{i}",
            data_key=i + 1,
        )
        for i, answer in enumerate(answers)
        if answer.attempts
    ]
    draw = h("button", "No difference", h("kbd", 0), cls="act", type="button", data_pick=f"{VOTE}:{NOBODY}", data_key=0)
    return h(
        "div",
        h("b", "Which answer is better?"),
        buttons,
        draw,
        reveal,
        cls="row ballot",
        role="group",
        aria_label="Blind vote",
    )


def _pace(answer: Answer, request: Request, *, hidden: bool) -> str:
    """How far it is; the speed would tell which model it is."""
    state = _STATES[answer.state]
    if not answer.pieces:
        return state
    speed = f", {answer.pieces / answer.seconds:.0f} tokens/s" if answer.seconds > _MIN_SECONDS and not hidden else ""
    return f"{state}: about {count(answer.pieces, 'token')} of at most {number(request.max_new_tokens)}{speed}"
