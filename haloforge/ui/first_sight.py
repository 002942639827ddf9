"""What a browser shows while it still loads Gradio: the page as the server renders it, inside the HTML itself.

The tab of runs is there in full, other tabs with their frame. It is replaced by the page that works once that has
read the store (pane.js); what is clicked before is done then.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipResponder
from starlette.requests import Request

from haloforge.store import Store
from haloforge.ui import space, theme
from haloforge.ui.downloads import may_read
from haloforge.ui.markup import Html, h, link
from haloforge.ui.view import TABS, View, parse, query
from haloforge.ui.widgets import header, run_detail, run_list, welcome

_log = logging.getLogger(__name__)

_DARK = (
    "const asked = new URLSearchParams(location.search).get('__theme');"
    "if ((asked ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : '')) === 'dark')"
    " document.body.classList.add('dark');"
)
"""As Gradio decides it, which comes later."""


def render(store: Store, view: View) -> Html:
    """The page of an address: header, strip of tabs, and on the tab of runs all that stands there."""
    tabs = [link(label, query(view, tab=name), aria_current=_here(view, name)) for name, label in TABS.items()]
    parts = [
        h("div", header.render(store, view), cls="slot", id="first-header"),
        h("nav", *tabs, aria_label="Tabs"),
    ]
    if view["tab"] == "runs":
        of_run = h("div", run_detail.render(store, view), cls="slot")
        listed = h("div", run_list.render(store, view), cls="slot", id="first-list")
        greeting = welcome.render(store, view, read_only=space.is_space())
        parts += [h("div", greeting, cls="slot"), h("div", listed, of_run, cls="first-sides")]
    return h("div", h("div", parts, cls="first-page"), id="first")


def _here(view: View, name: str) -> str | None:
    return "page" if view["tab"] == name else None


class FirstSight:
    """ASGI middleware: writes the first sight and our scripts into the HTML of the page, and compresses that."""

    def __init__(self, app: Any, root: Path | None) -> None:
        self.app, self.root = app, root
        self.scripts = theme.head()
        self.style = f"<style>{theme.css()}{space.css()}</style>"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on but the answer to a browser that asks for the page."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        answer = partial(self._answer, may_read(request), dict(parse(request.url.query)))
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            await GZipResponder(answer, minimum_size=500, compresslevel=5)(scope, receive, send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, is_welcome: bool, view: Mapping[str, str], scope: Any, receive: Any, send: Any) -> None:
        first = asyncio.create_task(asyncio.to_thread(self._first, is_welcome, view))
        start: dict[str, Any] = {}
        body = bytearray()

        async def collected(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            whole = self._with(bytes(body), await first) if start["status"] == 200 else bytes(body)
            MutableHeaders(raw=start["headers"])["Content-Length"] = str(len(whole))
            await send(start)
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, collected)

    def _first(self, is_welcome: bool, view: View) -> str:
        if not is_welcome:
            return ""
        try:
            with Store(self.root) as store:
                return render(store, view)
        except Exception:  # noqa: BLE001 - the page that works comes all the same, and says there what is wrong
            _log.exception("the first sight of the page could not be rendered")
            return ""

    def _with(self, page: bytes, first: str) -> bytes:
        """The page with the scripts in its head and the first sight at the beginning of its body."""
        before, head_end, body = page.partition(b"</head>")
        opening, tag, rest = body.partition(b"<gradio-app")
        sight = f"<script>{_DARK}</script>{first.replace('>', f'>{self.style}', 1)}" if first else ""
        return b"".join([before, self.scripts.encode(), head_end, opening, sight.encode(), tag, rest])
