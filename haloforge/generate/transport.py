"""HTTP to a generation server: retries what is temporary, and explains what the user can correct in one sentence."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from haloforge.errors import BackendError, ConfigError
from haloforge.generate.engine import never
from haloforge.generate.web import Client, reason_of, retry_after, wait_for

_TEMPORARY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_ATTEMPTS = 6
_LONGEST_WAIT_S = 60.0
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)


class Overloaded(Exception):
    """The server still failed or was busy after the last attempt: this request is given up, not the run."""


class Transport:
    """Posts JSON to one address. `key_variable` is only named in messages; the key itself is never shown or stored.

    A busy or failing server (429, 5xx, 529) is asked again up to five times, after what it says in Retry-After or
    after `backoff_s` doubled each time (with jitter), a minute at most. A refused key, an unknown model and an
    unreachable address raise BackendError at once.
    """

    def __init__(self, url: str, headers: Mapping[str, str], key_variable: str, backoff_s: float = 1.0) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ConfigError(f"base_url {url!r} is not a web address; it looks like http://localhost:8000/v1")
        self.url = url
        self.key_variable = key_variable
        self.backoff_s = backoff_s
        self._headers = headers
        self.client = Client(headers, _TIMEOUT)

    def post(self, payload: Mapping[str, Any], should_stop: Callable[[], bool]) -> dict[str, Any]:
        """The JSON answer. Raises BackendError, or Overloaded after the last attempt or when the user asked to stop."""
        for attempt in range(_ATTEMPTS):
            with self._explained(attempt):
                response = self.client.request("POST", self.url, payload, given_up=should_stop)
                if response.is_success:
                    return self._json(response)
                self._refuse(response)
                if attempt + 1 < _ATTEMPTS:
                    wait_for(self._pause(response, attempt), should_stop)
            if should_stop():
                break
        raise Overloaded

    def events(self, payload: Mapping[str, Any], should_stop: Callable[[], bool] = never) -> Iterator[dict[str, Any]]:
        """The JSON objects of a server-sent event stream, as they arrive; no second attempt. Raises BackendError.

        They end when it should stop, even while the server is silent; that is asked from another thread.
        """
        client = Client(self._headers, _TIMEOUT)  # of its own: to end one stream must not end others
        with client.closed_when(should_stop) as was_stopped:
            try:
                yield from self._streamed(client, payload)
            except (BackendError, RuntimeError):  # that of a client which is closed already
                if not was_stopped():
                    raise

    def _streamed(self, client: Client, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        with self._explained(_ATTEMPTS), client.stream("POST", self.url, payload) as response:
            if not response.is_success:
                response.read()
                self._refuse(response)
                raise BackendError(f"{self.url} is busy or failing ({reason_of(response)}); try again in a minute")
            is_stream = False
            for line in response.iter_lines():
                data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                is_stream |= bool(data)
                if data and data != "[DONE]":
                    yield self._object(data)
            if not is_stream:  # the page of some other server, say
                raise BackendError(f"{self.url} did not answer with a stream of text; is it the right address?")

    def abandon(self) -> None:
        """End the requests in flight: nobody waits for them any more. A stream ends by its own `should_stop`."""
        self.client.abandon()

    def close(self) -> None:
        """Close all connections; requests in flight fail. A stream ends by its own `should_stop`."""
        self.client.close()

    @contextmanager
    def _explained(self, attempt: int) -> Iterator[None]:
        """A server that cannot be reached at all is an error at once; a broken connection only when it stays broken."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise BackendError(f"Nothing answers at {self.url}; start the server or correct base_url") from error
        except httpx.RequestError as error:
            if attempt + 1 >= _ATTEMPTS:
                raise BackendError(f"The connection to {self.url} broke: {error or type(error).__name__}") from error

    def _refuse(self, response: httpx.Response) -> None:
        """Raise BackendError for an answer that no patience changes."""
        status = response.status_code
        if status in _TEMPORARY:
            return
        if status in (401, 403):
            raise BackendError(f"{self.url} refused the key ({reason_of(response)}); set {self.key_variable}")
        raise BackendError(f"{self.url} refused the request: {reason_of(response)}")

    def _pause(self, response: httpx.Response, attempt: int) -> float:
        asked = retry_after(response)
        jittered = self.backoff_s * 2**attempt * random.uniform(0.75, 1.25)
        return min(_LONGEST_WAIT_S, jittered if asked is None else asked)

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        return self._object(response.text)

    def _object(self, text: str) -> dict[str, Any]:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BackendError(f"{self.url} did not answer with JSON; is it the right address?") from error
        if not isinstance(row, dict):
            raise BackendError(f"{self.url} answered with something that is no chat completion")
        return row
