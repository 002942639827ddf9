"""Compare: benchmark results, or cycles of a RAFT run, on the same problems: a headline, four lists and two answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from haloforge.config import output_of
from haloforge.errors import ForgeError
from haloforge.records import Problem, Run
from haloforge.stages.benchmark.compare import Comparison, Pair, Result, compare_results, read_result, tallies_of
from haloforge.stages.benchmark.held_out import held_out_result
from haloforge.store import Store, StoredSample
from haloforge.ui import charts, metrics
from haloforge.ui.formatting import count, percent, points, title
from haloforge.ui.markup import Html, empty, h, join, link, note, table
from haloforge.ui.page import Page
from haloforge.ui.view import View, cycle_key, cycle_of, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.lists import option, picker, row
from haloforge.ui.widgets.verdict import verdict_box

LISTS = ("fixed", "regressed", "both", "neither")
_LIST_OF = {(False, True): "fixed", (True, False): "regressed", (True, True): "both", (False, False): "neither"}
"""Solved by the first and by the second -> list."""
_TITLES = {
    "fixed": "Fixed: only the second solves it",
    "regressed": "Regressed: only the first solves it",
    "both": "Both solve it",
    "neither": "Neither solves it",
}
_MAX_COMPARED = 6
"""Results, or RAFT runs in one chart."""
_PASS_AT_1 = "held-out pass@1"
_MAX_CHIPS = 16
"""Verdicts of samples in a row."""


_ALONE = (
    "The two cycles are compared alone. What a run says of its best cycle is corrected for having tried several, and "
    "so claims less."
)
_MAX_RUNS = 20
"""RAFT runs whose cycles are offered, the newest."""


@dataclass(frozen=True)
class Entry:
    """What can be compared, and its label in a list. `key` is a result file, or "cycle:RUN:NUMBER"."""

    key: str
    label: str

    @property
    def run(self) -> str:
        """The RAFT run of a cycle; empty for a result file."""
        cycle = cycle_of(self.key)
        return cycle[0] if cycle else ""


def build(page: Page) -> None:
    """Two panes: the comparison, and the chart of RAFT runs."""
    page.pane("compare", render, "comparison")
    page.pane("compare", overlay, "overlay-pane")


def render(store: Store, view: View) -> Html:
    """The choice of results, what can be claimed of their difference, and the problems behind it."""
    known = entries(store)
    if len(known) < 2:
        return empty(
            "Comparing needs two benchmark results on the same problems, for example before and after training, or a "
            "RAFT run that has evaluated a cycle.",
            link("Benchmark a model", query({"tab": "benchmark"}), cls="act primary"),
        )
    chosen = choice(view, known)
    view = {**view, "tab": "compare", "a": chosen[0], "b": chosen[1], "more": ",".join(chosen[2:])}
    pickers = h("div", _pick("A", "a", view, known), _pick("B", "b", view, known), _add(view, known, chosen), cls="row")
    if chosen[0] == chosen[1]:
        return h("section", pickers, note("A and B are the same result. Choose another one for either."), cls="stack")
    try:
        comparison, results = measured(store, chosen)
    except ForgeError as error:
        return h("section", pickers, note(str(error), "error"), cls="stack")
    groups = grouped(results[0], results[1])
    pairs = zip(comparison.pairs, results[1:], strict=True)
    return h(
        "section",
        pickers,
        [
            headline(comparison.base, pair, results[0], result, [_lettered(doubt, chosen) for doubt in pair.doubts])
            for pair, result in pairs
        ],
        h("p", _ALONE, cls="muted") if any(map(cycle_of, chosen)) else None,
        h("div", _lists(groups, view), _both(store, view, groups, results[:2]), cls="split thin"),
        cls="stack",
        aria_label="Comparison",
    )


def entries(store: Store) -> list[Entry]:
    """The result file of every benchmark run that still has one, newest first; then the cycles of the RAFT runs."""
    by_path: dict[str, Entry] = {}
    for run in store.runs(stage="benchmark", status="done", limit=500):
        path = output_of(run)
        if path and str(path) not in by_path and path.is_file():
            by_path[str(path)] = Entry(str(path), f"{_name(run)}, {path.name}")
    return [*by_path.values(), *_cycles(store)]


def _cycles(store: Store) -> Iterator[Entry]:
    """The evaluated cycles of the newest RAFT runs, the last one first, as the newest result file comes first."""
    for run in store.runs(stage="raft", limit=_MAX_RUNS):
        for cycle in reversed(metrics.held_out(store, run)):
            name = f"cycle {cycle.number}" if cycle.number else "the starting model"
            yield Entry(cycle_key(run.id, cycle.number), f"{title(run)}, {name}, held out")


def choice(view: View, known: Sequence[Entry]) -> list[str]:
    """The results to compare: those in the address, else the oldest against the newest that it may compare with."""
    keys = [entry.key for entry in known]
    named = [view.get("a", ""), view.get("b", ""), *view.get("more", "").split(",")]
    alike = [entry for entry in known if not entry.run]
    if len(alike) < 2:
        newest = next(entry.run for entry in known if entry.run)
        alike = [entry for entry in known if entry.run == newest]
    first = named[0] if named[0] in keys else alike[-1].key
    second = named[1] if named[1] in keys else next(e.key for e in (*alike, *known) if e.key != first)
    more = [key for key in dict.fromkeys(named[2:]) if key in keys and key not in (first, second)]
    return [first, second, *more][:_MAX_COMPARED]


def measured(store: Store, keys: Sequence[str]) -> tuple[Comparison, list[Result]]:
    """The comparison with the first result, kept until one changes. Raises ForgeError when they do not compare."""
    return _measured(tuple(keys), tuple(_stamp(store, key) for key in keys), store.root)


def _stamp(store: Store, key: str) -> int:
    """What changes when the result does: the time of a file, the number of a cycle's verdicts."""
    if cycle := cycle_of(key):
        return store.count_samples(cycle[0], cycle=cycle[1], purpose="eval", verified=True)
    return Path(key).stat().st_mtime_ns


@lru_cache(maxsize=16)
def _measured(keys: tuple[str, ...], _stamps: tuple[int, ...], root: Path) -> tuple[Comparison, list[Result]]:
    with Store(root) as store:
        results = [_result(store, key) for key in keys]
    return compare_results(keys, results), results


def _result(store: Store, key: str) -> Result:
    if cycle := cycle_of(key):
        return held_out_result(store, store.run(cycle[0]), cycle[1])
    return read_result(Path(key))


def headline(base: str, pair: Pair, before: Result, after: Result, doubts: Sequence[str]) -> Html:
    """A 31.1 % -> B 38.4 %, +7.3 points, 95 % CI [2.1, 12.6], better; or doubtful, with the reasons beneath."""
    difference = pair.paired.difference
    tone = {"better": "good", "worse": "bad"}.get(pair.paired.verdict, "muted")
    verdict = h("span", pair.paired.verdict, cls=tone)
    if doubts:
        verdict = h("span", "doubtful, because ", "; ".join(dict.fromkeys(doubts)), cls="bad")
    ci = f"95 % CI [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    claim = [
        f"A {percent(rate(before))} → B {percent(rate(after))}, {points(difference.value)}, {ci}: ",
        verdict,
    ]
    same = f"on the same {count(pair.paired.problems, 'problem')}"
    about = f"{pair.score} of {pair.name} (B) against {base} (A) {same}; {pair.paired.sentence()}"
    return h(
        "div",
        h("p", claim, cls="headline"),
        h("p", about, cls="muted", style="max-width:none"),
        cls="card stack",
        style="gap:4px",
    )


def rate(result: Result) -> float:
    """Mean pass@1 over the problems that were scored."""
    rates = [tally.rate for tally in tallies_of(result) if tally.scored]
    return sum(rates) / len(rates) if rates else 0.0


def grouped(before: Result, after: Result) -> dict[str, list[str]]:
    """Problems by which side solves them, with at least one passed sample, in the order of the file."""
    old = {t.task_id: t.passed > 0 for t in tallies_of(before) if t.scored}
    new = {t.task_id: t.passed > 0 for t in tallies_of(after) if t.scored}
    groups: dict[str, list[str]] = {name: [] for name in LISTS}
    for task in old:
        if task in new:
            groups[_LIST_OF[old[task], new[task]]].append(task)
    return groups


def overlay(store: Store, view: View) -> Html:
    """Held-out pass rates of several RAFT runs over their cycles, in one chart."""
    curves, scores = {}, []
    for run in store.runs(stage="raft", limit=_MAX_COMPARED):
        events = store.events(run.id, kind="metric")
        if rates := metrics.held_out_rates(events):
            scores.append(metrics.held_out_score(events))
            curves[title(run) + ("" if scores[-1] == _PASS_AT_1 else f", {scores[-1]}")] = rates
    if len(curves) < 2:
        return Html("")
    what = scores[0] if len(set(scores)) == 1 else "held-out score"
    figure = charts.rates(curves, x="cycle", key="overlay")
    return charts.chart("overlay", figure, f"RAFT runs, {what} by cycle", "cycle 0 is the model they started from")


def _lettered(text: str, chosen: Sequence[str]) -> str:
    """A result named by its letter instead of its whole path."""
    for letter, path in zip("ABCDEF", chosen, strict=False):
        text = text.replace(path, letter)
    return text


def _pick(letter: str, name: str, view: View, known: Sequence[Entry]) -> Html:
    options = [
        option(entry.label, query({**view, name: entry.key}, task=None), is_chosen=view[name] == entry.key)
        for entry in known
    ]
    return picker(letter, name, options, style="max-width:340px")


def _add(view: View, known: Sequence[Entry], chosen: Sequence[str]) -> Html | None:
    """A choice of one more result to compare with A."""
    rest = [entry for entry in known if entry.key not in chosen]
    if not rest or len(chosen) >= _MAX_COMPARED:
        return None
    options = [option("add another", query(view), is_chosen=True)]
    for entry in rest:
        more = ",".join([*chosen[2:], entry.key])
        options.append(option(entry.label, query({**view, "more": more}), is_chosen=False))
    return picker("and", "more", options)


def _lists(groups: dict[str, list[str]], view: View) -> Html:
    shown, chosen = _chosen(groups, view)
    tabs = [
        link(
            f"{name.capitalize()} {len(groups[name])}",
            query({**view, "list": name}, task=None),
            aria_current="page" if name == shown else None,
        )
        for name in LISTS
    ]
    rows = [_row(task, {**view, "list": shown}, is_chosen=task == chosen) for task in groups[shown]]
    body = (
        table([_TITLES[shown]], rows, label="Problems compared", cls="walk") if rows else h("p", "None.", cls="muted")
    )
    return h("div", h("nav", tabs, cls="sections", aria_label="Lists"), body, cls="stack")


def _row(task: str, view: View, *, is_chosen: bool) -> Html:
    name = link(task, query({**view, "task": task}), aria_current="true" if is_chosen else None)
    return row([h("td", name, cls="mono")], is_chosen=is_chosen)


def _chosen(groups: dict[str, list[str]], view: View) -> tuple[str, str]:
    """The list and the task in the address; by default the first list that is not empty, and its first task."""
    first = next((name for name in LISTS if groups[name]), LISTS[0])
    shown = view.get("list", "") if view.get("list") in LISTS else first
    tasks = groups[shown]
    return shown, view.get("task", "") if view.get("task") in tasks else next(iter(tasks), "")


def _both(store: Store, view: View, groups: dict[str, list[str]], results: Sequence[Result]) -> Html:
    """One problem, and the best answer of each side to it."""
    _, task = _chosen(groups, view)
    if not task:
        return h("p", "No problem is in this list.", cls="muted")
    sides = [_side(store, letter, result, task) for letter, result in zip("AB", results, strict=True)]
    problem = next((p for p in (store.problem(r["run"], task) for r in results) if p), None)
    prompt = plain(problem.statement, label="Prompt", cls="wrap short") if problem else None
    return h(
        "article",
        h("h2", task, cls="mono"),
        prompt,
        h("div", sides, cls="grid2"),
        cls="card stack",
        aria_label="Answers",
    )


def _side(store: Store, letter: str, result: Result, task: str) -> Html:
    tally = next(t for t in tallies_of(result) if t.task_id == task)
    purpose, cycle = result.get("purpose", "benchmark"), result.get("cycle")
    samples = store.samples(result["run"], purpose=purpose, cycle=cycle, task_id=task)
    head = [
        h("h3", f"{letter}: {tally.passed} of {tally.scored} passed"),
        h("p", result["model"]["name"], cls="mono muted"),
    ]
    if not samples:
        where = f"The samples are in {result['samples_file']}; their run is not among the runs here."
        return h("div", head, h("p", where, cls="muted"), cls="stack")
    return h("div", head, shown_sample(samples, store.problem(result["run"], task)), cls="stack", style="gap:8px")


def shown_sample(samples: Sequence[StoredSample], problem: Problem | None) -> Html:
    """The verdicts of a side's samples, and the best sample in full."""
    best = max(samples, key=lambda j: (j.verdict.reward if j.verdict else -1.0, -j.sample.index))
    text = best.sample.code
    language = problem.language if problem else "python"
    box = code(text, language) if text else h("p", "No code in the answer.", cls="muted")
    all_chips = [chips.verdict(j.verdict.status if j.verdict else None) for j in samples[:_MAX_CHIPS]]
    verdict = verdict_box(best.verdict, problem.tests if problem else None) if best.verdict else None
    return join([h("div", all_chips, cls="row"), box, verdict])


def _name(run: Run) -> str:
    return run.name or str(run.config.get("model", run.id))
