"""What was found out about a data file: lengths, repetitions, contamination, how its solutions and tests did."""

from collections.abc import Sequence

from haloforge.stages.data.contents import Contents, Histogram
from haloforge.stages.data.strength import weak_ones
from haloforge.stages.data.validate import Finding, Validation
from haloforge.ui import charts
from haloforge.ui.formatting import count, number, percent
from haloforge.ui.markup import Child, Html, facts, h, note, table
from haloforge.ui.palette import VERDICTS
from haloforge.ui.widgets import chips

_MAX_SHOWN = 20


def lengths(file: str, found: Contents) -> Html:
    """The lengths of what a model reads and of what it learns to write, as histograms."""
    sides = [("What the model reads", found.prompts), ("What it learns to write", found.answers)]
    shown = [_histogram(file, title, side, found.unit) for title, side in sides if side]
    return h("div", shown, cls="grid2" if len(shown) > 1 else "stack")


def _histogram(file: str, title: str, side: Histogram, unit: str) -> Html:
    figure = charts.bars(side.edges, side.counts, x=unit, key=f"{file} {unit}")
    about = f"median {number(side.median)}, 95 % up to {number(side.p95)}, longest {number(side.largest)} {unit}"
    return charts.chart(f"lengths-{title.split(' ')[1]}", figure, title, about)


def findings(result: Validation) -> Html:
    """What is in the file, and everything that is wrong with it or worth knowing, line by line."""
    sections = [
        _section("Rows that cannot be used", result.errors),
        _section("Task ids that repeat", result.repeated_ids),
        _section("Prompts that repeat", result.repeated_prompts),
        _section("From a public benchmark", result.contamination),
    ]
    clean = (
        "No row is damaged, no task id or prompt repeats, and nothing comes from HumanEval, MBPP's test split or MBPP+."
    )
    shown = [section for section in sections if section]
    return h("div", facts(_counts(result)), shown or note(clean, "good"), cls="stack")


def tests_report(result: Validation) -> Html:
    """How the reference solutions did, and how strong the tests of each problem are."""
    if result.unjudged and not (result.passed_solutions or result.failed_solutions):
        return note(result.unjudged[:1].upper() + result.unjudged[1:] + ".", "error")
    ran = result.passed_solutions + len(result.failed_solutions)
    measured = [s for s in result.strengths if s.mutants]
    made, survived = sum(s.mutants for s in measured), sum(s.survived for s in measured)
    weak = weak_ones(result.strengths)
    flaky = [s for s in result.strengths if s.flaky]
    pairs: list[tuple[Child, Child]] = [
        ("Solutions", f"{number(result.passed_solutions)} of {number(ran)} pass their own tests"),
        ("Tests stop", f"{percent((made - survived) / made)} of {count(made, 'mutant')}" if made else "not measured"),
        ("Weak tests", count(len(weak), "problem")),
        ("Flaky tests", count(len(flaky), "problem")),
    ]
    rows = [_strength(s.task_id, f"{s.survived} of {s.mutants} mutants survive", s.changes[:1]) for s in weak]
    rows += [_strength(s.task_id, "flaky", (s.flaky,)) for s in flaky]
    listed = table(("Problem", "Found", "What"), rows[: _MAX_SHOWN * 5], label="Weak and flaky tests") if rows else None
    failed = _section("Solutions that fail", result.failed_solutions)
    remark = note(result.unjudged) if result.unjudged else None
    return h("div", facts(pairs), failed, listed, remark, cls="stack")


def _strength(task_id: str, found: str, what: Sequence[str]) -> Html:
    return h("tr", h("td", task_id, cls="mono break"), h("td", found), h("td", *what, cls="break"))


def _counts(result: Validation) -> list[tuple[Child, Child]]:
    groups = [("Languages", result.languages), ("Splits", result.splits), ("Tests", result.tests)]
    listed = [(name, ", ".join(f"{key} {number(n)}" for key, n in counts.items())) for name, counts in groups if counts]
    rows = f"{number(result.rows)}: {number(result.learnable)} to learn from, {number(result.tested)} with tests"
    return [("Rows", rows), *listed]


def _section(title: str, found: Sequence[Finding]) -> Html | None:
    if not found:
        return None
    lines = [h("li", h("span", f"line {f.line}", cls="muted"), h("span", _worded(f.text))) for f in found[:_MAX_SHOWN]]
    more = len(found) - _MAX_SHOWN
    lines += [h("li", h("span", ""), h("span", f"and {number(more)} more"))] if more > 0 else []
    return h("div", h("h3", f"{title}: {number(len(found))}"), h("ol", lines, cls="findings"))


def _worded(text: str) -> Child:
    """A finding with the name of a verdict as its chip."""
    name, colon, rest = text.partition(": ")
    status, _, detail = rest.partition(" ")
    known = next((known for known in VERDICTS if known == status), None)
    return [f"{name} ", chips.verdict(known), f" {detail}"] if colon and known else text
