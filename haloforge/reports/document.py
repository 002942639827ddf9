"""A comparison as one HTML file: it opens from disk, without server, network and script, on light and dark screens."""

import html
import time
from collections.abc import Sequence
from pathlib import Path

from haloforge import __version__
from haloforge.errors import ConfigError
from haloforge.files import file_errors, read_text, write_text
from haloforge.markup import looks
from haloforge.markup.elements import Html, h
from haloforge.markup.numbers import count
from haloforge.reports import style
from haloforge.reports.answers import Shown, problem_box
from haloforge.reports.curves import curves, method
from haloforge.reports.evidence import Evidence
from haloforge.reports.headline import headline, score_table
from haloforge.reports.matrix import matrix, picture
from haloforge.reports.settings import differing_settings, provenance
from haloforge.reports.side_by_side import Group, Row, SideBySide, ordered

MOST_PROBLEMS = 300
"""Problems shown with both answers; the others are in the table alone. A file of so many has about 3 MB."""
GROUP_TITLES: dict[Group, str] = {
    "gained": "Gained: only {other} solves it",
    "lost": "Lost: only {first} solves it",
    "neither": "Neither solves it",
    "both": "Both solve it",
}
_GENERATOR = '<meta name="generator" content="halo-forge comparison'
_SAFE = "default-src 'none'; style-src 'unsafe-inline'"
"""What the file may load: nothing, so that no text in it can do anything."""


def document(shown: SideBySide, evidence: Sequence[Evidence | None]) -> str:
    """The whole file; `evidence` has the answers of each side, or None where they cannot be found."""
    title = " against ".join(side.name for side in reversed(shown.sides[:2]))
    more = len(shown.sides) - 2
    title += f" and {count(more, 'more checkpoint')}" if more > 0 else ""
    others = range(1, len(shown.sides))
    body = [
        h("h1", title),
        h("p", f"Compared by halo-forge {__version__}, {time.strftime('%Y-%m-%d %H:%M %Z')}.", cls="muted"),
        [headline(shown, other) for other in others],
        _section("Scores", score_table(shown)),
        _section("pass@k", curves(shown), method(shown)),
        _section("Problems", picture(shown, 1), _whole_matrix(shown)),
        [_answers(shown, evidence, other) for other in others],
        _section("Settings that differ", differing_settings(shown)),
        _section("Provenance", provenance(shown)),
    ]
    return _page(title, h("main", body, cls="slot report stack"))


def write_document(path: Path, shown: SideBySide, evidence: Sequence[Evidence | None]) -> None:
    """Write the file; it replaces an older report. Raises ConfigError where something else lies there."""
    if path.exists() and (not path.is_file() or _GENERATOR not in read_text(path)[:2000]):
        raise ConfigError(f"{path} is there already and is no comparison of halo-forge; give another --report")
    with file_errors(path):
        write_text(path, document(shown, evidence))


def _page(title: str, body: Html) -> str:
    dark = "@media (prefers-color-scheme: dark)"
    rules = "\n".join([looks.page_css(dark), style.document_css(), style.comparison_css(), looks.chip_css(dark)])
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">'
        f'{_GENERATOR}, version {__version__}"><meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{rules}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _section(title: str, *content: Html) -> Html:
    return h("section", h("h2", title), content, cls="stack")


def _whole_matrix(shown: SideBySide) -> Html:
    """All problems, the largest change first; those shown below with their answers are links."""
    linked = {row.task_id for rows in _shown_rows(shown, 1).values() for row in rows}
    places = _anchors(shown, 1)
    rows = ordered(shown.rows, "gain", 1)

    def name(row: Row) -> Html | str:
        return h("a", row.task_id, href=f"#{places[row.task_id]}") if row.task_id in linked else row.task_id

    return matrix(shown, rows, 1, name, lambda _row, cells: h("tr", cells))


def _shown_rows(shown: SideBySide, other: int) -> dict[Group, list[Row]]:
    """The problems shown with answers: those that changed first, as many as there is room for."""
    groups, room = shown.grouped(other), MOST_PROBLEMS
    chosen: dict[Group, list[Row]] = {}
    for name in GROUP_TITLES:
        chosen[name] = groups[name][:room]
        room -= len(chosen[name])
    return chosen


def _answers(shown: SideBySide, evidence: Sequence[Evidence | None], other: int) -> Html:
    first, side = shown.sides[0], shown.sides[other]
    pair = [Shown(first, evidence[0]), Shown(side, evidence[other])]
    groups, chosen = shown.grouped(other), _shown_rows(shown, other)
    places, parts = _anchors(shown, other), []
    for name, title in GROUP_TITLES.items():
        words = title.format(first=first.letter, other=side.letter)
        left_out = len(groups[name]) - len(chosen[name])
        boxes = [_folded(pair, row, places[row.task_id], problem_box(row, pair)) for row in chosen[name]]
        rest = h("p", f"{count(left_out, 'more problem')}, in the table above.", cls="muted") if left_out else None
        nothing = h("p", "None.", cls="muted") if not groups[name] else None
        folds = h("div", boxes, cls="card") if boxes else None
        parts.append(h("div", h("h3", f"{words} ({len(groups[name])})"), folds, rest, nothing, cls="stack tight"))
    return _section(f"Answers of {first.letter} and {side.letter}", *parts)


def _folded(pair: Sequence[Shown], row: Row, place: str, content: Html) -> Html:
    tallies = [(shown.side.letter, shown.side.by_task.get(row.task_id)) for shown in pair]
    passes = ", ".join(f"{letter} {tally.passed}/{tally.scored}" for letter, tally in tallies if tally)
    summary = h("summary", h("code", row.task_id), " ", h("span", passes, cls="muted"))
    return h("details", summary, h("div", content, id=place), cls="fold")


def _anchors(shown: SideBySide, other: int) -> dict[str, str]:
    """Task id -> the id of its answers in the document."""
    return {row.task_id: f"{shown.sides[other].letter}-{place}" for place, row in enumerate(shown.rows)}
