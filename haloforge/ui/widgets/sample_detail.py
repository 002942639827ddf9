"""One sample: its code, its verdict, why it was kept or not, the prompt and the raw answer."""

from haloforge.records import Problem
from haloforge.store import StoredSample
from haloforge.ui.formatting import count
from haloforge.ui.markup import Html, facts, h, link
from haloforge.ui.view import View, query
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.verdict import verdict_box

_REASONS = {
    "unscored": "not scored",
    "forgeable": "could be forged",
    "truncated": "cut off",
    "not_top": "not in the top share",
    "capped": "over the cap",
}


def reason_words(reason: str) -> str:
    """Why a sample was kept or not, in a few words."""
    return _REASONS.get(reason, reason.replace("_", " "))


def playground(judged: StoredSample) -> Html:
    """The way to the Playground with this sample's problem and code."""
    sent = {"from": "sample", "run": judged.run, "task": judged.sample.task_id, "sample": str(judged.id)}
    return link("Send to Playground", query({"tab": "playground", **sent}), cls="act")


def detail(judged: StoredSample, problem: Problem | None, view: View) -> Html:
    """One sample in full."""
    sample = judged.sample
    history = link("Across cycles", query(view, across=sample.task_id, shown=str(judged.id)), cls="act")
    return h(
        "article",
        h(
            "div",
            h("h2", f"{sample.task_id} #{sample.index}", cls="mono"),
            h("div", history, playground(judged), cls="row"),
            cls="row spread",
        ),
        code_box(judged, problem),
        verdict_box(judged.verdict, problem.tests if problem else None)
        if judged.verdict
        else h("p", "Not verified yet.", cls="muted"),
        facts(_about(judged)),
        _folded("Prompt", plain(problem.statement, label="Prompt", cls="wrap short")) if problem else None,
        _folded("Raw answer", plain(sample.text, label="Raw answer", cls="wrap short")),
        cls="card stack",
        aria_label="Sample",
    )


def code_box(judged: StoredSample, problem: Problem | None) -> Html:
    """The extracted code, or a sentence that there is none."""
    if judged.sample.code is None:
        return h("p", "No code could be extracted from this answer.", cls="muted")
    return code(judged.sample.code, problem.language if problem else "python")


def _about(judged: StoredSample) -> list[tuple[str, str]]:
    sample = judged.sample
    ending = {"length": ", cut at the limit", "error": ", ended by an error"}.get(sample.finish_reason, "")
    about = [
        ("Length", f"{count(sample.completion_tokens, 'token')}{ending}"),
        ("Cycle", str(judged.cycle)),
        ("Seed", str(sample.seed)),
    ]
    if judged.kept is not None:
        about.insert(0, ("Trained on", "yes" if judged.kept else f"no: {reason_words(judged.reason)}"))
    return about


def _folded(summary: str, content: Html) -> Html:
    return h("details", h("summary", summary), content, id=summary.lower().replace(" ", "-"))
