"""One problem with the best answer of two checkpoints, both verdicts, and what differs between the programs."""

from collections.abc import Sequence
from typing import NamedTuple

from haloforge.markup import chips
from haloforge.markup.code import code, plain
from haloforge.markup.elements import Child, Html, facts, h
from haloforge.markup.numbers import count, number
from haloforge.records import Problem
from haloforge.reports.diff import diff_box
from haloforge.reports.evidence import Answer, Answers, Evidence
from haloforge.reports.side_by_side import Row, Side

_MOST_CHIPS = 16
_NO_ANSWERS = "The samples are not on this machine: neither in its run records nor beside the result file."


class Shown(NamedTuple):
    """One side of a problem: whose it is, and where its answers are; None where they cannot be found."""

    side: Side
    evidence: Evidence | None


def problem_box(row: Row, pair: Sequence[Shown], *more: Child) -> Html:
    """The task, both answers with their verdicts, and the diff of the two programs; `more` stands below."""
    found = [shown.evidence.answers(row.task_id) if shown.evidence else None for shown in pair]
    problem = next((p for shown in pair if shown.evidence and (p := shown.evidence.problem(row.task_id))), None)
    language = problem.language if problem else "python"
    boxes = [_side(shown, row, answers, language) for shown, answers in zip(pair, found, strict=True)]
    return h(
        "div",
        _task(problem),
        h("div", boxes, cls="grid2"),
        _difference(pair, found, row.task_id),
        more,
        cls="stack",
    )


def _task(problem: Problem | None) -> Html | None:
    return plain(problem.statement, label="Prompt", cls="wrap short") if problem else None


def _side(shown: Shown, row: Row, answers: Answers | None, language: str) -> Html:
    letter, tally = shown.side.letter, shown.side.by_task.get(row.task_id)
    passed = f"{tally.passed} of {tally.scored} passed" if tally else "not asked"
    head = h("h3", f"{letter}: {passed}")
    name = h("p", shown.side.name, cls="muted small")
    if answers is None:
        return h("div", head, name, h("p", _NO_ANSWERS, cls="muted"), cls="stack tight")
    best = answers.best
    label = f"Program of {letter} for {row.task_id}"
    box = code(best.code, language, label=label) if best.code else h("p", "No program in the answer.", cls="muted")
    return h("div", head, name, _all_verdicts(answers), box, _verdict(best), cls="stack tight")


def _all_verdicts(answers: Answers) -> Html | None:
    """A chip per sample, where there are several."""
    statuses = answers.statuses
    if len(statuses) < 2:
        return None
    more = len(statuses) - _MOST_CHIPS
    rest = h("span", f"and {count(more, 'sample')} more", cls="muted") if more > 0 else None
    return h("div", [chips.verdict(status) for status in statuses[:_MOST_CHIPS]], rest, cls="row")


def _verdict(answer: Answer) -> Html:
    pairs: list[tuple[Child, Child]] = [
        (f"Sample {answer.index}", chips.verdict(answer.status)),
        ("Reward", number(answer.reward)),
    ]
    if answer.tests_total:
        pairs.append(("Tests", f"{answer.tests_passed} of {answer.tests_total} passed"))
    if answer.is_cut_off:
        pairs.append(("Length", "cut off before it ended"))
    if answer.detail:
        pairs.append(("What happened", h("span", answer.detail[:_DETAIL], cls="mono")))
    return facts(pairs)


_DETAIL = 600
"""Characters of what happened that are shown."""


def _difference(pair: Sequence[Shown], found: Sequence[Answers | None], task: str) -> Html | None:
    if any(answers is None for answers in found):
        return None
    before, after = (answers.best.code if answers else None for answers in found)
    letters = " to ".join(shown.side.letter for shown in pair)
    return h(
        "div", h("h3", f"From {letters}"), diff_box(before, after, f"Diff of {task}, {letters}"), cls="stack tight"
    )
