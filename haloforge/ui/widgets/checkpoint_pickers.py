"""The choice of what is compared, and what to do about a checkpoint that is not measured on the same problems."""

import json
from collections.abc import Callable, Sequence
from itertools import groupby

from haloforge.config import BenchmarkConfig
from haloforge.records import Run
from haloforge.reports.side_by_side import LETTERS
from haloforge.ui.checkpoints import Entry
from haloforge.ui.formatting import count, title
from haloforge.ui.markup import Html, button, h, join, link, note
from haloforge.ui.measuring import Missing
from haloforge.ui.view import View, open_run, query
from haloforge.ui.widgets.chips import run_status
from haloforge.ui.widgets.lists import option, picker


def pickers(view: View, known: Sequence[Entry], chosen: Sequence[str]) -> Html:
    """A list for each letter, one more to add to them, and a cross for each that may go."""
    one_each = [_pick(letter, place, view, known, chosen) for place, letter in enumerate(LETTERS[: len(chosen)])]
    swap = link("Swap A and B", address(view, [chosen[1], chosen[0], *chosen[2:]]), cls="act")
    return h("div", one_each, _add(view, known, chosen), swap, cls="row")


def address(view: View, chosen: Sequence[str]) -> str:
    """The address that compares these."""
    changes: dict[str, str | int | None] = {"a": chosen[0], "b": chosen[1], "more": ",".join(chosen[2:])}
    return query({**view, "tab": "compare"}, task=None, pair=None, list=None, **changes)


def missing_note(view: View, lacking: Missing, config: BenchmarkConfig, run: Run | None) -> Html:
    """What is not measured, and a button that queues it; while it is under way, a link to its run."""
    problems = count(len(lacking.on.result["problems"]), "problem")
    if run and not run.is_finished:
        doing = [f"{lacking.model} is being benchmarked on these {problems}: ", run_status(run), " "]
        doing += [link(title(run), open_run(run.id)), ". The comparison appears here when it is done."]
        return note(join(doing))
    samples = count(config.samples, "sample")
    words = [h("p", f"{lacking.model} has no benchmark on the {problems} of {lacking.on.name}.")]
    if run:
        why = link("see why", open_run(run.id))
        words.append(h("p", "The last one ended before it was done: ", run_status(run), " ", why))
    act = measure_button(f"Benchmark it: {samples} each, the same settings", lacking, view)
    return h("div", h("div", words), act, cls="empty")


def measure_button(text: str, lacking: Missing, view: View) -> Html:
    """Queues the benchmark of a model on the problems of a source, and stays on the comparison."""
    value = json.dumps({"model": lacking.model, "on": lacking.on.key, "instead_of": lacking.key})
    return button(text, "measure", value, cls="act primary")


def _pick(letter: str, place: int, view: View, known: Sequence[Entry], chosen: Sequence[str]) -> Html:
    def leads_to(key: str) -> str:
        return address(view, [*chosen[:place], key, *chosen[place + 1 :]])

    here = chosen[place]
    options = _options(known, leads_to, here)
    if here not in {entry.key for entry in known}:
        options.insert(0, option(here, leads_to(here), is_chosen=True))
    picked = picker(letter, letter.lower(), options, style="max-width:300px")
    if place < 2:
        return picked
    rest = [*chosen[:place], *chosen[place + 1 :]]
    return h("span", picked, link("×", address(view, rest), aria_label=f"Leave {letter} out", cls="act"), cls="row")


def _options(known: Sequence[Entry], leads_to: Callable[[str], str], here: str) -> list[Html]:
    return [
        h(
            "optgroup",
            [option(entry.label, leads_to(entry.key), is_chosen=entry.key == here) for entry in several],
            label=group,
        )
        for group, several in groupby(known, key=lambda entry: entry.group)
    ]


def _add(view: View, known: Sequence[Entry], chosen: Sequence[str]) -> Html | None:
    """A choice of one more to compare with A."""
    rest = [entry for entry in known if entry.key not in chosen]
    if not rest or len(chosen) >= len(LETTERS):
        return None
    options = [option("add another", address(view, chosen), is_chosen=True)]
    options += _options(rest, lambda key: address(view, [*chosen, key]), "")
    return picker("and", "more", options)
