"""The elements of the page: those of every document of ours, and what only works inside the app."""

import shlex
from collections.abc import Sequence

from haloforge.markup.elements import Attribute as Attribute
from haloforge.markup.elements import Child as Child
from haloforge.markup.elements import Html as Html
from haloforge.markup.elements import facts as facts
from haloforge.markup.elements import h as h
from haloforge.markup.elements import join as join
from haloforge.markup.elements import note as note
from haloforge.markup.elements import table as table


def link(text: Child, query: str, **attributes: Attribute) -> Html:
    """A link inside the app; `query` is what `view.query` returns."""
    return h("a", text, href=query, **attributes)


def button(text: Child, act: str, value: str = "", *, confirm: str = "", **attributes: Attribute) -> Html:
    """A button that sends `act` and `value` to the server; first it asks the question `confirm`, if there is one."""
    attributes = {"cls": "act", "type": "button", **attributes}
    return h("button", text, data_act=act, data_value=value, data_confirm=confirm or None, **attributes)


def command_line(words: Sequence[str]) -> Html:
    """A command quoted for a shell, with a button that copies it."""
    text = shlex.join(words)
    copy = h("button", "Copy as command", cls="act", type="button", data_copy=text)
    return h("div", h("code", text), copy, cls="command")


def empty(sentence: str, *action: Child) -> Html:
    """What is shown where there is nothing yet: one sentence and one action."""
    return h("div", h("p", sentence), *action, cls="empty")
