"""What every HTTP client here needs: its key, requests that another thread can end, and a server's reasons."""

import email.utils
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import httpx

from haloforge.errors import BackendError
from haloforge.generate.engine import never

_CONNECTED = ("connect_tcp.complete", "start_tls.complete")
"""How the names of httpcore's events end whose result is a connection."""
_S_BETWEEN_LOOKS = 0.2


def key_in(variable: str) -> str:
    """The key in an environment variable, empty where there is none. A line break at its end is no part of it.

    Raises BackendError, which does not show the key, where no header can hold it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise BackendError(f"{variable} holds characters that no key can have: set it again")
    return key


class Client:
    """An httpx client whose requests in flight can be ended from another thread.

    To close it would wake nobody. And a socket must not be closed while another thread waits at it: when Linux wakes
    that thread, it looks the socket up by its number again. By then a newer socket may have that number, and the thread
    goes on waiting at the newer one.
    """

    def __init__(self, headers: Mapping[str, str], timeout: httpx.Timeout, **options: Any) -> None:
        self.http = httpx.Client(headers=dict(headers), timeout=timeout, **options)
        self._connections: WeakSet[Any] = WeakSet()
        self._in_flight, self._is_closing = 0, False
        self._noting = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        payload: Mapping[str, Any] | None = None,
        *,
        given_up: Callable[[], bool] = never,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        """Send and wait. Raises httpx.RequestError, also when it was `abandon`ed or `given_up` before it was sent.

        A client that was closed raises RuntimeError, as httpx does.
        """
        wait = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        with self._noted(given_up) as extensions:
            return self.http.request(method, url, json=payload, timeout=wait, extensions=extensions)

    @contextmanager
    def stream(self, method: str, url: str, payload: Mapping[str, Any]) -> Iterator[httpx.Response]:
        """A response whose body is read as it comes. Raises as `request` does."""
        with (
            self._noted(never) as extensions,
            self.http.stream(method, url, json=payload, extensions=extensions) as response,
        ):
            yield response

    @contextmanager
    def _noted(self, given_up: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """While a request is in flight; what httpx takes with it, so that its connection is known."""

        def watch(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith(_CONNECTED):
                with self._noting:
                    self._connections.add(info["return_value"])
                if self._is_closing or given_up():
                    self.abandon()

        with self._noting:
            if self._is_closing:
                raise RuntimeError("the client has been closed")
            self._in_flight += 1
        try:
            yield {"trace": watch}
        finally:
            with self._noting:
                self._in_flight -= 1
                is_last = self._is_closing and not self._in_flight
            if is_last:
                self.http.close()

    def abandon(self) -> None:
        """End the requests in flight, each with an error where it waits: the server sees that nobody does any more."""
        with self._noting:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):  # it has ended already
                # not its own method: that of a TLS socket ends the encryption first, while others still send
                socket.socket.shutdown(connection.get_extra_info("socket"), socket.SHUT_RDWR)

    def close(self) -> None:
        """End the requests in flight; the last of them closes all connections."""
        with self._noting:
            self._is_closing, is_last = True, not self._in_flight
        self.abandon()
        if is_last:
            self.http.close()

    @contextmanager
    def closed_when(self, should_stop: Callable[[], bool]) -> Iterator[Callable[[], bool]]:
        """Closes this client at the end of the block, or as soon as it should stop; says whether that was so.

        A thread of its own asks, so that a server which answers nothing holds nobody up.
        """
        over, stopped = threading.Event(), threading.Event()

        def look() -> None:
            while not over.wait(_S_BETWEEN_LOOKS):
                if should_stop():
                    stopped.set()
                    self.close()
                    return

        threading.Thread(target=look, name="looks for a stop", daemon=True).start()
        try:
            yield stopped.is_set
        finally:
            over.set()
            self.close()


def wait_for(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Sleep so long, or until it should stop."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not should_stop():
        time.sleep(min(left, 0.2))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(value))
    with suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def json_of(response: httpx.Response) -> Any:
    """What the body holds; None where that is no JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def reason_of(response: httpx.Response) -> str:
    """The server's error in one line: HTTP status and message."""
    body = json_of(response)
    row = body if isinstance(body, dict) else {}
    error = row.get("error", row)
    message = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
    if response.has_redirect_location:
        message = f"it redirects to {response.headers['location']}: give that address"
    text = " ".join(str(message or response.reason_phrase).split())[:300]
    return f"HTTP {response.status_code}, {text}"
