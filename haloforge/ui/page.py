"""The frame of all tabs: it collects their panes, fills and actions, and connects them to the page's few events."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import ForgeError, RunError
from haloforge.store import Store
from haloforge.ui import space
from haloforge.ui.form import Form
from haloforge.ui.launch.planner import Planner
from haloforge.ui.markup import note
from haloforge.ui.panes import Fill, Pane, Render, Seen, Watch, new_pane, refresh
from haloforge.ui.view import HOME, View, parse, query

TICK_S = 2.0

Action = Callable[[Store, View, str], str | None]
"""What a button does: changes the store; returns the address to go to, or None to stay."""

_WITH_ADDRESS = "(view, seen, bus) => [view, seen, location.search || '?']"
"""Runs in the browser before a tick."""
_TABS_OUTPUT = 2
"""Index of the strip of tabs among the outputs of every event."""


class Page:
    """Filled while the tabs are built, wired once at the end. Holds components and functions, no state of a run."""

    def __init__(self, root: Path | None = None, *, read_only: bool = False) -> None:
        self.root, self.read_only = root, read_only
        self.panes: list[Pane] = []
        self.fills: list[Fill] = []
        self.actions: dict[str, Action] = {}
        self.events: list[Any] = []
        self.forms: dict[str, Form] = {}
        self._later: list[Callable[[], None]] = []
        self.view = gr.State({"tab": HOME})
        self.seen = gr.State(Seen())
        self.watch = Watch(self.store)
        self.planner = Planner()

    def store(self) -> Store:
        """A store for one callback, which closes it."""
        return Store(self.root)

    def pane(self, tab: str, render: Render, elem_id: str | None = None) -> gr.HTML:
        """A box whose markup is `render(store, view)`."""
        component = new_pane(elem_id)
        self.panes.append(Pane(component, tab, render))
        return component

    def fill(self, tab: str, components: Sequence[Any], values: Callable[[Store, View], Sequence[Any]]) -> None:
        """Components that get values or choices when the tab is opened."""
        self.fills.append(Fill(tab, components, values))

    def action(self, name: str, act: Action) -> None:
        """What buttons with `data-act=name` do."""
        self.actions[name] = act

    def started(self, event: Any) -> None:
        """An event of a form that changes the store: show the change at once instead of at the next tick."""
        self.events.append(event)

    def later(self, connect: Callable[[], None]) -> None:
        """Connect events that need components of tabs that are not built yet."""
        self._later.append(connect)

    def wire(self, demo: gr.Blocks, tabs: gr.Tabs) -> None:
        """Connect load, the one timer, and the bus that carries links, buttons and the strip of tabs."""
        for connect in self._later:
            connect()
        bus = gr.HTML(
            "", html_template="<div></div>", js_on_load="haloBus(element, props, watch, trigger)", elem_id="bus"
        )
        outputs = [self.view, self.seen, tabs, *(p.component for p in self.panes)]
        filled = [*outputs, bus, *(c for f in self.fills for c in f.components)]
        state = [self.view, self.seen]
        quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        demo.load(self.load, None, filled, **quiet)
        here = [*state, bus]
        gr.Timer(TICK_S).tick(self.tick, here, outputs, trigger_mode="once", js=_WITH_ADDRESS, **quiet)
        queued = {**quiet, "queue": True}  # only a queued event can show a warning
        bus.select(self.dispatch, state, filled, trigger_mode="multiple", **queued)
        for event in self.events:
            event.then(self.tick, here, outputs, js=_WITH_ADDRESS, **quiet)
        for function in demo.fns.values():
            if function.show_progress == "hidden":  # of each event, browsers note the progress on all its outputs
                function.show_progress_on = [bus]

    async def load(self, request: gr.Request) -> list[Any]:
        """Everything that the address of a newly loaded page shows."""
        return await self._show(parse(str(request.query_params)), Seen(), fill=True)

    async def tick(self, view: View, seen: Seen, address: str = "") -> Any:
        """What changed since the last look; a skip when nothing was written and the address is the same.

        The address comes with every tick: a page that was loaded a moment ago, or before the server was started anew,
        has no view here yet.
        """
        view = parse(address) if address else view
        if (seen.version, seen.view) == (self._version(), view):
            return gr.skip()
        values = await self._show(view, seen)
        values[_TABS_OUTPUT] = gr.skip()  # it may have begun before a click on a tab, and be answered after it
        return values

    async def dispatch(self, view: View, seen: Seen, message: gr.EventData) -> list[Any]:
        """What a link ("go"), the strip of tabs ("tab") or a button ("act" and "value") asks for.

        The browser numbers its messages ("number"), to tell the address in the answer to its last one from older ones.
        """
        sent: Mapping[str, Any] = message._data
        address = await asyncio.to_thread(self._address_after, sent, view)
        if address is None:
            return [*await self._show(view, seen), gr.skip(), *(gr.skip() for f in self.fills for _ in f.components)]
        values = await self._show(parse(address), seen, fill=True)
        if "tab" in sent:  # the browser has opened that tab itself, and may have opened another one since
            values[_TABS_OUTPUT] = gr.skip()
        values[self._bus_output] += f"#{sent.get('number', 0)}"
        return values

    @property
    def _bus_output(self) -> int:
        """Index of the bus among the outputs of load and dispatch: it comes after the panes."""
        return _TABS_OUTPUT + 1 + len(self.panes)

    def _address_after(self, sent: Mapping[str, Any], view: View) -> str | None:
        """The address that a message leads to; None stays where it is. A button does its action first."""
        if "go" in sent:
            return str(sent["go"])
        if "tab" in sent:
            return query({**view, "from": ""}, tab=str(sent["tab"]))
        return self.pressed(str(sent.get("act")), str(sent.get("value", "")), view) or None

    def pressed(self, name: str, value: str, view: View) -> str | None:
        """Do what a button asks for; the address to go to, or None to stay. What cannot be done is a warning."""
        if self.read_only and name not in space.FOR_VISITORS:
            gr.Warning(space.REFUSED, duration=5)
            return None
        try:
            if name not in self.actions:
                raise RunError(f"this page has no action {name!r}; reload it")
            with self.store() as store:
                return self.actions[name](store, view, value)
        except ForgeError as error:
            gr.Warning(str(error), duration=8)
            return None

    def _version(self) -> str:
        try:
            return self.watch.version()
        except ForgeError as error:
            return str(error)

    async def _show(self, view: View, seen: Seen, *, fill: bool = False) -> list[Any]:
        version = self._version()
        try:
            return await asyncio.to_thread(self._render, view, seen, version, fill)
        except ForgeError as error:
            return self._unreadable(view, version, error, fill)

    def _unreadable(self, view: View, version: str, error: ForgeError, fill: bool) -> list[Any]:
        """Why there is nothing to see, in the place of the header; the other panes stay as they are."""
        others = [gr.skip() for _ in self.panes[1:]]
        values = [view, Seen(version, view), gr.Tabs(selected=view["tab"]), note(str(error), "error"), *others]
        return [*values, query(view), *(gr.skip() for f in self.fills for _ in f.components)] if fill else values

    def _render(self, view: View, seen: Seen, version: str, fill: bool) -> list[Any]:
        with self.store() as store:
            now_seen, markup = refresh(self.panes, store, view, seen, version)
            tab = gr.skip() if seen.view.get("tab") == view["tab"] else gr.Tabs(selected=view["tab"])
            values = [view, now_seen, tab, *(gr.skip() if html is None else html for html in markup)]
            if fill:  # a tick sends no address: it may have begun before a click, and be answered after it
                values += [query(view), *(value for f in self.fills for value in _filled(f, store, view))]
        return values


def _filled(fill: Fill, store: Store, view: View) -> Sequence[Any]:
    if fill.tab != view["tab"]:
        return [gr.skip()] * len(fill.components)
    return fill.values(store, view)
