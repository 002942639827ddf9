"""Statuses as chips."""

from haloforge.markup.elements import Html, h
from haloforge.markup.looks import VERDICTS
from haloforge.records import Status


def verdict(status: Status | None) -> Html:
    """The chip of a verdict; None is a sample that is not verified yet."""
    if status is None:
        return h("span", "not verified", cls="chip unscored")
    return h("span", VERDICTS[status].word, cls=f"chip {status}")
