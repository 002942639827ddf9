"""How did it learn this: the samples of one problem, a column for every cycle, from the starting model to the last."""

from collections.abc import Sequence
from typing import NamedTuple

from haloforge.records import Problem, Run
from haloforge.store import Store, StoredSample
from haloforge.ui.markup import Child, Html, empty, h, join, link
from haloforge.ui.view import View, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.code import plain
from haloforge.ui.widgets.sample_detail import code_box, playground, reason_words

_SHOWN = 12
"""Samples of a cycle that can be looked at; of more, the newest."""


class Answers(NamedTuple):
    """The samples of one cycle that are shown, by their index, and how many there are and passed in all."""

    cycle: int
    shown: Sequence[StoredSample]
    total: int
    passed: int
    kept: int


def render(store: Store, run: Run, view: View) -> Html:
    """The problem, and side by side what each cycle answered; a sample of a cycle is chosen by its chip."""
    task = view["across"]
    problem = store.problem(run.id, task)
    cycles = answers(store, run, task)
    back = link("Back to the samples", query(view, across=None), cls="act")
    if not cycles:
        return empty(f"This run has no samples of {task!r}.", back)
    head = h("div", h("h2", task, cls="mono"), h("span", _story(cycles), cls="muted"), back, cls="row spread")
    statement = plain(problem.statement, label="Prompt", cls="wrap short") if problem else None
    prompt = h("details", h("summary", "Prompt"), statement, id="across-prompt") if problem else None
    columns = [_column(each, problem, view) for each in cycles]
    return join(
        [
            head,
            prompt,
            h("div", columns, cls="columns", data_keep="across", tabindex=0, role="region", aria_label="Cycles"),
        ]
    )


def answers(store: Store, run: Run, task: str) -> list[Answers]:
    """What each cycle answered to one problem."""
    found = []
    for row in store.problem_counts(run.id, task):
        newest = store.sample_page(run.id, task_id=task, cycle=row["cycle"]).samples[:_SHOWN]
        by_index = sorted(newest, key=lambda s: s.sample.index)
        found.append(Answers(row["cycle"], by_index, row["total"], row["passed"], row["kept"]))
    return found


def _story(cycles: Sequence[Answers]) -> str:
    first = next((each.cycle for each in cycles if each.passed), None)
    if first is None:
        return "no sample of it has passed yet"
    earlier = sum(each.total for each in cycles if each.cycle < first)
    return f"first passed in cycle {first}" + (f"; none of {earlier} before" if earlier else "")


def _column(each: Answers, problem: Problem | None, view: View) -> Html:
    """The samples of a cycle as chips, and one of them: the one that was asked for, else the first that passed."""
    cycle, group = each.cycle, each.shown
    asked = {part for part in view.get("shown", "").split(".") if part}
    chosen = next((s for s in group if str(s.id) in asked), None) or next(filter(_passed, group), group[0])
    others = asked - {str(s.id) for s in group}
    choices = [
        link(
            chips.verdict(s.verdict.status if s.verdict else None),
            query(view, shown=".".join(sorted({*others, str(s.id)}))),
            aria_current="true" if s.id == chosen.id else None,
            aria_label=f"cycle {cycle}, sample {s.sample.index}",
        )
        for s in group
    ]
    summary = f"{each.passed} of {each.total} passed" + (f", {each.kept} kept" if each.kept else "")
    return h(
        "article",
        h(
            "div",
            h("h3", "Starting model" if cycle == 0 else f"Cycle {cycle}"),
            h("span", summary, cls="muted"),
            cls="row spread",
        ),
        h("div", choices, cls="row tight"),
        code_box(chosen, problem),
        h("p", _about(chosen), cls="muted"),
        h("p", playground(chosen)),
        cls="card stack tight",
        aria_label=f"Cycle {cycle}",
    )


def _about(judged: StoredSample) -> Child:
    verdict = judged.verdict
    parts = [f"sample {judged.sample.index}, {judged.sample.completion_tokens} tokens"]
    if verdict and verdict.tests_total:
        parts.append(f"{verdict.tests_passed} of {verdict.tests_total} tests")
    if judged.kept is not None:
        parts.append("trained on" if judged.kept else f"not trained on: {reason_words(judged.reason)}")
    return ", ".join(parts)


def _passed(judged: StoredSample) -> bool:
    return judged.verdict is not None and judged.verdict.passed
