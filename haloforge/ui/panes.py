"""What the page shows, as a function of the store and the address. Load, tick, link and action all come through here.

A pane is re-sent only when its markup changed, so a tick that finds nothing new changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_hex
from typing import Any, NamedTuple

from haloforge.store import Store
from haloforge.ui.view import View

Render = Callable[[Store, View], str]


class Pane(NamedTuple):
    """One box of the page: its component, the tab it stands on ("" for all), and what it shows."""

    component: Any
    tab: str
    render: Render


class Fill(NamedTuple):
    """Components of a tab that take values or choices when the tab is opened, never while somebody types."""

    tab: str
    components: Sequence[Any]
    values: Callable[[Store, View], Sequence[Any]]


@dataclass(frozen=True)
class Seen:
    """What one browser has been sent: the state of the store, the address, and a digest of each pane."""

    version: str = ""
    view: View = field(default_factory=dict)
    digests: Mapping[int, str] = field(default_factory=dict)


class Watch:
    """Notices that anything in the store changed, for 5 microseconds a look, over one connection that stays open.

    Lives in the server's event loop: a connection belongs to the thread that opened it.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store
        self._store: Store | None = None
        self._epoch = token_hex(4)

    def version(self) -> str:
        """Differs from every earlier value, of this server and of one before it, when something was written."""
        if self._store is None:
            self._store = self._open()
        return f"{self._epoch}:{self._store.data_version()}"


def refresh(panes: Sequence[Pane], store: Store, view: View, seen: Seen, version: str) -> tuple[Seen, list[str | None]]:
    """New markup for each pane, or None where the browser has it already; panes of other tabs are left alone."""
    digests, out = dict(seen.digests), []
    for index, pane in enumerate(panes):
        html = pane.render(store, view) if pane.tab in ("", view["tab"]) else None
        digest = digests.get(index) if html is None else blake2b(html.encode(), digest_size=12).hexdigest()
        out.append(None if digest == digests.get(index) else html)
        if digest is not None:
            digests[index] = digest
    return Seen(version, view, digests), out
