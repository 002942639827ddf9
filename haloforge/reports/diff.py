"""What changed from one program to another, line by line, within a bounded time."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from haloforge.markup.elements import Html, h, join
from haloforge.markup.numbers import count

MOST_LINES = 250
"""Lines of a program that are compared; difflib takes up to cubic time for lines that repeat."""
MOST_CHARACTERS = 20_000
_AROUND = 3
"""Lines shown before and after a change."""

Kind = Literal["same", "removed", "added", "skipped"]


class Line(NamedTuple):
    """One line of a diff with its number on each side, from 1; None where it is not on that side."""

    kind: Kind
    before: int | None
    after: int | None
    text: str


def diff(before: str | None, after: str | None) -> list[Line] | None:
    """The lines removed and added, with three lines around each; None where a program is too long to compare."""
    old, new = (before or "").splitlines(), (after or "").splitlines()
    if max(len(old), len(new)) > MOST_LINES or max(len(before or ""), len(after or "")) > MOST_CHARACTERS:
        return None
    return [line for group in _grouped(old, new) for line in group]


def diff_box(before: str | None, after: str | None, label: str) -> Html:
    """The diff as a block, escaped; a sentence where there is nothing to show."""
    if before is None and after is None:
        return h("p", "Neither answer holds a program.", cls="muted")
    lines = diff(before, after)
    if lines is None:
        longest = max(len((text or "").splitlines()) for text in (before, after))
        return h("p", f"Too long to compare line by line ({count(longest, 'line')}).", cls="muted")
    if not lines:
        return h("p", "Both programs are the same, line by line.", cls="muted")
    marked = join([_marked(line) for line in lines])
    return h("pre", marked, cls="diff", tabindex=0, role="region", aria_label=label, data_keep=label)


def _grouped(old: Sequence[str], new: Sequence[str]) -> Iterator[list[Line]]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    end = (0, 0)
    for group in matcher.get_grouped_opcodes(_AROUND):
        start = group[0][1], group[0][3]
        if start[0] > end[0]:
            yield [Line("skipped", None, None, f"{count(start[0] - end[0], 'line')} the same")]
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield [Line("same", i1 + n + 1, j1 + n + 1, old[i1 + n]) for n in range(i2 - i1)]
                continue
            yield [Line("removed", n + 1, None, old[n]) for n in range(i1, i2)]
            yield [Line("added", None, n + 1, new[n]) for n in range(j1, j2)]
        end = group[-1][2], group[-1][4]
    if 0 < end[0] < len(old):
        yield [Line("skipped", None, None, f"{count(len(old) - end[0], 'line')} the same")]


_SIGNS: dict[Kind, str] = {"same": " ", "removed": "-", "added": "+", "skipped": " "}


def _marked(line: Line) -> Html:
    if line.kind == "skipped":
        return h("span", f"  … {line.text} …\n", cls="skipped")
    numbers = h("i", f"{line.before or '':>3} {line.after or '':>3} ")
    return h("span", numbers, f"{_SIGNS[line.kind]} {line.text}\n", cls=line.kind)
