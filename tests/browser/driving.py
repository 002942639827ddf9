"""A window of a browser that remembers what went wrong in it."""

from typing import Any

from studio import App

__all__ = ["App", "Window"]

NOISE = ("AbortError", "Connection errored out", "net::ERR_ABORTED")
"""What a page that is left or reloaded logs."""
WAIT_MS = 30_000
"""For a busy machine; nothing waits longer than it must."""


class Window:
    """A page of the app that remembers what went wrong on it."""

    def __init__(self, context: Any, app: App) -> None:
        self.page, self.app, self.wrong = context.new_page(), app, list[str]()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        self.page.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("request", self._request)
        self.page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def open(self, query: str = "") -> Any:
        """Go to an address and wait until the store was read."""
        self.page.goto(f"{self.app.url}/{query}")
        self.page.locator("#header .brand").wait_for()
        return self.page

    def errors(self) -> list[str]:
        """What went wrong, but for the noise of leaving a page."""
        return [text for text in self.wrong if not any(noise in text for noise in NOISE)]

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.app.url, "data:", "blob:")):
            self.wrong.append(f"request to elsewhere: {request.url}")
