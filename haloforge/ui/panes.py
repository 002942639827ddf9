"""Panes: boxes of the page whose markup is a function of the store and the address.

A pane is sent again only when its markup changed, so a tick that finds nothing new changes nothing.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_hex
from typing import Any, NamedTuple

import gradio as gr

from haloforge.errors import ForgeError, MachineError
from haloforge.store import Store
from haloforge.ui.markup import note
from haloforge.ui.view import View

_log = logging.getLogger(__name__)

Render = Callable[[Store, View], str]


class Pane(NamedTuple):
    """One box of the page: its component, the tab it is on ("" for all), and what it shows."""

    component: Any
    tab: str
    render: Render


class Fill(NamedTuple):
    """Components of a tab that get values or choices when the tab is opened, never while somebody types."""

    tab: str
    components: Sequence[Any]
    values: Callable[[Store, View], Sequence[Any]]


@dataclass(frozen=True)
class Seen:
    """What one browser was sent: the version of the store, the address, and a digest of each pane by its index."""

    version: str = ""
    view: View = field(default_factory=dict)
    digests: Mapping[int, str] = field(default_factory=dict)


class Watch:
    """Notices changes of the store, in 5 microseconds a look, over one connection that stays open.

    Use it in the server's event loop only: a connection belongs to the thread that opened it.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store
        self._store: Store | None = None
        self._stores = 0
        self._server = token_hex(4)
        self.also: list[Callable[[], str]] = []
        """What else a pane shows that the store does not hold: texts that change when it does."""

    def version(self) -> str:
        """Another value after every write to the store, in another store at its place, and in every server process."""
        if self._store is not None and not self._store.is_current:
            self._store.close()
            self._store = None
        if self._store is None:
            self._store = self._open()
            self._stores += 1
        version = str(self._store.data_version())
        return ":".join([self._server, str(self._stores), version, *(look() for look in self.also)])


def new_pane(elem_id: str | None = None, value: str = "") -> gr.HTML:
    """The component of a pane, filled by the script pane.js; its value is markup."""
    return gr.HTML(
        value,
        html_template='<div class="slot"></div>',
        js_on_load="haloPane(element, props, watch, trigger)",
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=["pane"],
    )


def refresh(panes: Sequence[Pane], store: Store, view: View, seen: Seen, version: str) -> tuple[Seen, list[str | None]]:
    """Markup for each pane that changed, None for the others; panes of other tabs are not rendered."""
    digests, markup = dict(seen.digests), []
    for index, pane in enumerate(panes):
        html = _shown(pane, store, view) if pane.tab in ("", view["tab"]) else None
        digest = digests.get(index) if html is None else blake2b(html.encode(), digest_size=12).hexdigest()
        markup.append(None if digest == digests.get(index) else html)
        if digest is not None:
            digests[index] = digest
    return Seen(version, view, digests), markup


def _shown(pane: Pane, store: Store, view: View) -> str:
    """The markup of a pane; where it cannot be made, why, so that the others are shown all the same.

    Raises MachineError: a store that cannot be read is no matter of one pane.
    """
    try:
        return pane.render(store, view)
    except MachineError:
        raise
    except ForgeError as error:
        return note(str(error), "error")
    except Exception:  # noqa: BLE001 - whatever a row of another version, or damaged, makes go wrong
        _log.exception("a part of the page could not be shown")
        return note(
            "This part cannot be shown: its records may be damaged. The log of the app has the reason.", "error"
        )
