"""The frame that tabs hang in: it keeps their panes, fills and actions, and wires them to the page's few events."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import ForgeError, RunError
from haloforge.store import Store
from haloforge.ui import live
from haloforge.ui.form import Form
from haloforge.ui.pane import pane as new_pane
from haloforge.ui.view import HOME, View, parse, query

TICK_S = 2.0

Action = Callable[[Store, View, str], str | None]
"""What a button does: changes the store; returns the address to go to, or None to stay."""


class Page:
    """Filled while the tabs are built, wired once at the end. Holds components and functions, no state of a job."""

    def __init__(self, root: Path | None = None, *, read_only: bool = False) -> None:
        self.root, self.read_only = root, read_only
        self.panes: list[live.Pane] = []
        self.fills: list[live.Fill] = []
        self.actions: dict[str, Action] = {}
        self.events: list[Any] = []
        self.forms: dict[str, Form] = {}
        self._later: list[Callable[[], None]] = []
        self.view = gr.State({"tab": HOME})
        self.seen = gr.State(live.Seen())
        self.watch = live.Watch(self.store)

    def store(self) -> Store:
        """A store for one callback; close it there."""
        return Store(self.root)

    def pane(self, tab: str, render: live.Render, elem_id: str | None = None) -> gr.HTML:
        """A box whose markup is `render(store, view)`."""
        component = new_pane(elem_id)
        self.panes.append(live.Pane(component, tab, render))
        return component

    def fill(self, tab: str, components: Sequence[Any], values: Callable[[Store, View], Sequence[Any]]) -> None:
        """Components that get values or choices when the tab is opened."""
        self.fills.append(live.Fill(tab, components, values))

    def action(self, name: str, act: Action) -> None:
        """What buttons with `data-act=name` do."""
        self.actions[name] = act

    def started(self, event: Any) -> None:
        """An event of a form that changes the store: what it changed is shown at once, not at the next tick."""
        self.events.append(event)

    def later(self, connect: Callable[[], None]) -> None:
        """Connect events that need components of tabs that are not built yet."""
        self._later.append(connect)

    def wire(self, demo: gr.Blocks, tabs: gr.Tabs) -> None:
        """Connect load, the one timer, and the bus that carries links, buttons and the tab strip."""
        for connect in self._later:
            connect()
        bus = gr.HTML(
            "", html_template="<div></div>", js_on_load="haloBus(element, props, watch, trigger)", elem_id="bus"
        )
        self.panes.append(live.Pane(bus, "", lambda _store, view: query(view)))
        outputs = [self.view, self.seen, tabs, *(p.component for p in self.panes)]
        filled = [*outputs, *(c for f in self.fills for c in f.components)]
        state = [self.view, self.seen]
        quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        demo.load(self._load, None, filled, **quiet)
        gr.Timer(TICK_S).tick(self._tick, state, outputs, trigger_mode="once", **quiet)
        queued = {**quiet, "queue": True}  # only a queued event can show a warning
        bus.select(self._dispatch, state, filled, trigger_mode="multiple", **queued)

        for event in self.events:
            event.then(self._tick, state, outputs, **quiet)

    async def _load(self, request: gr.Request) -> list[Any]:
        return await self._show(parse(str(request.query_params)), live.Seen(), fill=True)

    async def _tick(self, view: View, seen: live.Seen) -> Any:
        if (seen.version, seen.view) == (self.watch.version(), view):
            return gr.skip()
        return await self._show(view, seen)

    async def _dispatch(self, view: View, seen: live.Seen, message: gr.EventData) -> Any:
        data = message._data
        if "go" in data:
            return await self._show(parse(str(data["go"])), seen, fill=True)
        if "tab" in data:  # the browser has opened it already; the strip is not told, for it may have moved on
            out = await self._show(parse(query({**view, "from": ""}, tab=str(data["tab"]))), seen, fill=True)
            return [*out[:2], gr.skip(), *out[3:]]
        address = await asyncio.to_thread(self._act, str(data.get("act")), str(data.get("value", "")), view)
        if address:
            return await self._show(parse(address), seen, fill=True)
        return [*await self._show(view, seen), *(gr.skip() for f in self.fills for _ in f.components)]

    def _act(self, name: str, value: str, view: View) -> str | None:
        if self.read_only:
            gr.Warning("This demo is read-only: install halo-forge to run and change things.", duration=5)
            return None
        try:
            if name not in self.actions:
                raise RunError(f"this page has no action {name!r}; reload it")
            with self.store() as store:
                return self.actions[name](store, view, value)
        except ForgeError as error:
            gr.Warning(str(error), duration=8)
            return None

    async def _show(self, view: View, seen: live.Seen, *, fill: bool = False) -> list[Any]:
        version = self.watch.version()
        return await asyncio.to_thread(self._render, view, seen, version, fill)

    def _render(self, view: View, seen: live.Seen, version: str, fill: bool) -> list[Any]:
        with self.store() as store:
            new, markup = live.refresh(self.panes, store, view, seen, version)
            tab = gr.skip() if seen.view.get("tab") == view["tab"] else gr.Tabs(selected=view["tab"])
            out = [view, new, tab, *(gr.skip() if html is None else html for html in markup)]
            if fill:
                out += [value for f in self.fills for value in _filled(f, store, view)]
        return out


def _filled(fill: live.Fill, store: Store, view: View) -> Sequence[Any]:
    if fill.tab != view["tab"]:
        return [gr.skip()] * len(fill.components)
    return fill.values(store, view)
