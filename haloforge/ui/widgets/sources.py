"""The datasets that can be prepared, a card each: licence, size, tests, and whether a file of it is there."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haloforge.languages import language_of
from haloforge.problems import SOURCES, Source
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.formatting import count, number
from haloforge.ui.markup import Html, button, h, join, link
from haloforge.ui.view import View, query

PREPARE = "prepare-source"
"""The action that queues the preparation of a dataset with its usual settings."""


class Prepared(NamedTuple):
    """A data file that holds a dataset, and how many rows it has."""

    file: str
    rows: int


def render(store: Store, view: View, *, can_prepare: bool = True) -> Html:
    """A card per dataset; those that work without network come first, as in the registry."""
    prepared = prepared_files()
    cards = [_card(source, prepared.get(name, ()), can_prepare) for name, source in SOURCES.items()]
    return h("section", cards, cls="cards", aria_label="Sources")


def prepared_files() -> Mapping[str, Sequence[Prepared]]:
    """Dataset -> the data files whose manifest names it."""
    found: dict[str, list[Prepared]] = {}
    for file in inventory.data_files_here():
        manifest = inventory.manifest_beside(file)
        if manifest is not None:
            found.setdefault(str(manifest.get("dataset")), []).append(Prepared(file, int(manifest.get("rows_out", 0))))
    return found


def _card(source: Source, files: Sequence[Prepared], can_prepare: bool) -> Html:
    title = h("div", h("h2", source.name, cls="mono"), h("span", source.license, cls="muted"), cls="row spread")
    about = source.note.removeprefix("bundled: ")
    prepare = button("Prepare again" if files else "Prepare", PREPARE, source.name) if can_prepare else None
    return h(
        "article",
        title,
        h("p", about[:1].upper() + about[1:]),
        h("div", [_fact(text, is_so) for text, is_so in _facts(source)], cls="row marks"),
        h("div", _status(files), prepare, cls="row spread"),
        cls="card stack tight",
        aria_label=source.name,
    )


def _facts(source: Source) -> list[tuple[str, bool]]:
    """What is true of a dataset, and what is not, in the same order on every card."""
    about = "" if source.is_bundled else "about "
    return [
        (f"{about}{number(source.rows)} rows", True),
        (", ".join(language_of(name).display_name for name in source.languages), True),
        ("has tests", "raft" in source.purposes or source.is_benchmark),
        ("has solutions", "sft" in source.purposes),
        ("works offline", source.is_bundled),
        *([("test split is a benchmark", True)] if source.is_benchmark else []),
        *([("no commercial use", True)] if source.noncommercial else []),
    ]


def _fact(text: str, is_so: bool) -> Html:
    """A fact, or one that does not hold: then "no", and faint."""
    if is_so:
        return h("span", text, cls="mark")
    return h("span", f"no {text.removeprefix('has ')}" if text.startswith("has ") else "needs network", cls="mark not")


def _status(files: Sequence[Prepared]) -> Html:
    if not files:
        return h("span", "not prepared", cls="muted")
    newest, *others = files
    address = query({"tab": "data", "file": newest.file})
    more = f" and {count(len(others), 'more file')}" if others else ""
    return join([link(newest.file, address, cls="mono break"), h("span", f" {count(newest.rows, 'row')}{more}")])
