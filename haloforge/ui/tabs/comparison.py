"""Benchmark results against each other: a headline that claims no more than it may, four lists, two answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from haloforge.errors import ForgeError
from haloforge.records import Problem, Run
from haloforge.stages.benchmark.compare import Comparison, Pair, Result, compare, read_result, tallies_of
from haloforge.store import Store, StoredSample
from haloforge.ui import charts, series
from haloforge.ui.markup import Html, empty, h, join, link, note, table
from haloforge.ui.view import View, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.verdict import verdict_box
from haloforge.ui.wording import count, percent, points, title

LISTS = ("fixed", "regressed", "both", "neither")
_WORDS = {
    "fixed": "Fixed: only the second solves it",
    "regressed": "Regressed: only the first solves it",
    "both": "Both solve it",
    "neither": "Neither solves it",
}
_MOST = 6


@dataclass(frozen=True)
class Entry:
    """A result file and the words for it in a list."""

    path: str
    words: str


def render(store: Store, view: View) -> Html:
    """Choose results; what can be claimed of their difference; the problems behind it."""
    known = entries(store)
    if len(known) < 2:
        return empty(
            "Comparing needs two benchmark results on the same problems, for example before and after training.",
            link("Benchmark a model", query({"tab": "benchmark"}), cls="act primary"),
        )
    chosen = choice(view, known)
    view = {**view, "tab": "compare", "a": chosen[0], "b": chosen[1], "more": ",".join(chosen[2:])}
    picker = h("div", _pick("A", "a", view, known), _pick("B", "b", view, known), _add(view, known, chosen), cls="row")
    try:
        found, results = measured(chosen)
    except ForgeError as error:
        return h("section", picker, note(str(error), "error"), cls="stack")
    first = found.pairs[0]
    groups = grouped(results[0], results[1])
    return h(
        "section",
        picker,
        [headline(found.base, pair, results[0], result) for pair, result in zip(found.pairs, results[1:], strict=True)],
        [note(f"Doubtful, {_lettered(doubt, chosen)}") for doubt in dict.fromkeys(first.doubts)],
        h("div", _lists(groups, view), _both(store, view, groups, results[:2]), cls="split thin"),
        cls="stack",
        aria_label="Comparison",
    )


def entries(store: Store) -> list[Entry]:
    """Every result file that a benchmark run of the store left behind, newest first."""
    found: dict[str, Entry] = {}
    for run in store.runs(stage="benchmark", status="done", limit=500):
        path = Path(run.cwd, str(run.config.get("output", "")))
        if str(path) not in found and path.is_file():
            found[str(path)] = Entry(str(path), f"{_name(run)}, {path.name}")
    return list(found.values())


def choice(view: View, known: Sequence[Entry]) -> list[str]:
    """The results to compare: those in the address, else the oldest against the newest."""
    paths = [entry.path for entry in known]
    wanted = [view.get("a", ""), view.get("b", ""), *view.get("more", "").split(",")]
    first, second = ((wanted[i] if wanted[i] in paths else default) for i, default in ((0, paths[-1]), (1, paths[0])))
    if first == second:
        second = next(path for path in paths if path != first)
    return [first, second, *(p for p in dict.fromkeys(wanted[2:]) if p in paths and p not in (first, second))][:_MOST]


def measured(paths: Sequence[str]) -> tuple[Comparison, list[Result]]:
    """The comparison with the first result; results that did not change are measured once. Raises DataError."""
    return _measured(tuple(paths), tuple(Path(path).stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=16)
def _measured(paths: tuple[str, ...], _changed: tuple[int, ...]) -> tuple[Comparison, list[Result]]:
    return compare([Path(p) for p in paths]), [read_result(Path(p)) for p in paths]


def headline(base: str, pair: Pair, before: Result, after: Result) -> Html:
    """A 31.1 % -> B 38.4 %, +7.3 points, 95 % CI [2.1, 12.6], better."""
    difference = pair.paired.difference
    tone = {"better": "good", "worse": "bad"}.get(pair.paired.verdict, "muted")
    ci = f"95 % CI [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    words = [
        f"A {percent(rate(before))} → B {percent(rate(after))}, {points(difference.value)}, {ci}: ",
        h("span", pair.paired.verdict, cls=tone),
    ]
    same = f"on the same {count(pair.paired.problems, 'problem')}"
    about = f"pass@1 of {pair.name} (B) against {base} (A) {same}; {pair.paired.sentence()}"
    return h(
        "div",
        h("p", words, cls="headline"),
        h("p", about, cls="muted", style="max-width:none"),
        cls="card stack",
        style="gap:4px",
    )


def rate(result: Result) -> float:
    """Mean pass@1 over the problems that were scored."""
    rates = [tally.rate for tally in tallies_of(result) if tally.scored]
    return sum(rates) / len(rates) if rates else 0.0


def grouped(before: Result, after: Result) -> dict[str, list[str]]:
    """Problems by who solves them, meaning at least one sample passed, in file order."""
    old = {t.task_id: t.passed > 0 for t in tallies_of(before) if t.scored}
    new = {t.task_id: t.passed > 0 for t in tallies_of(after) if t.scored}
    groups: dict[str, list[str]] = {name: [] for name in LISTS}
    for task in old:
        if task in new:
            groups[
                {(False, True): "fixed", (True, False): "regressed", (True, True): "both"}.get(
                    (old[task], new[task]), "neither"
                )
            ].append(task)
    return groups


def overlay(store: Store, view: View) -> Html:
    """Held-out pass rates of several RAFT runs over their cycles, in one chart."""
    curves = {}
    for run in store.runs(stage="raft", limit=_MOST):
        rates = series.cycle_rates(store.events(run.id, kind="metric"))
        held_out = rates.get(series.HELD_OUT)
        if held_out:
            curves[title(run)] = held_out
    if len(curves) < 2:
        return Html("")
    figure = charts.rates(curves, x="cycle", key="overlay")
    return charts.chart(
        "overlay", figure, "RAFT runs, held-out pass@1 by cycle", "cycle 0 is the model they started from"
    )


def _lettered(text: str, chosen: Sequence[str]) -> str:
    """A result named by its letter instead of its whole path."""
    for letter, path in zip("ABCDEF", chosen, strict=False):
        text = text.replace(path, letter)
    return text


def _pick(words: str, name: str, view: View, known: Sequence[Entry]) -> Html:
    options = [
        h("option", entry.words, value=query({**view, name: entry.path}, task=None), selected=view[name] == entry.path)
        for entry in known
    ]
    return h("label", words, h("select", options, data_go=True, name=name, style="max-width:340px"), cls="pick")


def _add(view: View, known: Sequence[Entry], chosen: Sequence[str]) -> Html | None:
    """More results against the same A."""
    rest = [entry for entry in known if entry.path not in chosen]
    if not rest or len(chosen) >= _MOST:
        return None
    options = [h("option", "add another", value=query(view), selected=True)]
    options += [h("option", e.words, value=query({**view, "more": ",".join([*chosen[2:], e.path])})) for e in rest]
    return h("label", "and", h("select", options, data_go=True, name="more"), cls="pick")


def _lists(groups: dict[str, list[str]], view: View) -> Html:
    now = view.get("list") if view.get("list") in LISTS else _interesting(groups)
    tabs = [
        link(
            f"{name.capitalize()} {len(groups[name])}",
            query({**view, "list": name}, task=None),
            aria_current="page" if name == now else None,
        )
        for name in LISTS
    ]
    tasks = groups[str(now)]
    chosen = view.get("task") if view.get("task") in tasks else (tasks[0] if tasks else "")
    rows = [
        h(
            "tr",
            h(
                "td",
                link(t, query({**view, "list": str(now), "task": t}), aria_current="true" if t == chosen else None),
                cls="mono",
            ),
            data_row=True,
            cls="on" if t == chosen else None,
        )
        for t in tasks
    ]
    body = (
        table([_WORDS[str(now)]], rows, label="Problems compared", cls="walk") if rows else h("p", "None.", cls="muted")
    )
    return h("div", h("nav", tabs, cls="sections", aria_label="Lists"), body, cls="stack")


def _interesting(groups: dict[str, list[str]]) -> str:
    return next((name for name in LISTS if groups[name]), LISTS[0])


def _both(store: Store, view: View, groups: dict[str, list[str]], results: Sequence[Result]) -> Html:
    """One problem, and an answer of each side to it."""
    now = view.get("list") if view.get("list") in LISTS else _interesting(groups)
    tasks = groups[str(now)]
    if not tasks:
        return h("p", "No problem is in this list.", cls="muted")
    task = view.get("task") if view.get("task") in tasks else tasks[0]
    sides = [_side(store, letter, result, str(task)) for letter, result in zip("AB", results, strict=True)]
    problem = next((p for p in (store.problem(r["run"], str(task)) for r in results) if p), None)
    prompt = plain(problem.statement, label="Prompt", cls="wrap short") if problem else None
    return h(
        "article",
        h("h2", str(task), cls="mono"),
        prompt,
        h("div", sides, cls="grid2"),
        cls="card stack",
        aria_label="Answers",
    )


def _side(store: Store, letter: str, result: Result, task: str) -> Html:
    tally = next(t for t in tallies_of(result) if t.task_id == task)
    samples = store.samples(result["run"], purpose="benchmark", task_id=task)
    head = [
        h("h3", f"{letter}: {tally.passed} of {tally.scored} passed"),
        h("p", result["model"]["name"], cls="mono muted"),
    ]
    if not samples:
        words = f"The samples are in {result['samples_file']}; their run is not among the runs here."
        return h("div", head, h("p", words, cls="muted"), cls="stack")
    return h("div", head, shown_sample(samples, store.problem(result["run"], task)), cls="stack", style="gap:8px")


def shown_sample(samples: Sequence[StoredSample], problem: Problem | None) -> Html:
    """The best answer of a side."""
    best = max(samples, key=lambda j: (j.verdict.reward if j.verdict else -1.0, -j.sample.index))
    text = best.sample.code
    box = (
        code(text, problem.language if problem else "python") if text else h("p", "No code in the answer.", cls="muted")
    )
    all_chips = [chips.verdict(j.verdict.status if j.verdict else None) for j in samples[:16]]
    return join(
        [
            h("div", all_chips, cls="row"),
            box,
            verdict_box(best.verdict, problem.tests if problem else None) if best.verdict else None,
        ]
    )


def _name(run: Run) -> str:
    return run.name or str(run.config.get("model", run.id))
