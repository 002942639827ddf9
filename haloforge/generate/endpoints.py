"""Several addresses of vLLM servers: requests go to the one with the least to do, and one that is dead gets none."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from haloforge.errors import BackendError

IN_FLIGHT = 64
"""Requests that one endpoint has at once; a server puts them into its own batches."""

KEY_VARIABLE = "VLLM_API_KEY"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_TEMPORARY = frozenset({408, 409, 425, 429})
_FAILURES = 3
"""In a row, and the endpoint counts as dead: a vLLM whose engine died still answers, with HTTP 500."""
_PAUSE_S = 0.5
"""Before a request that failed is given again."""
_ADVICE = "start one, and resume the run"


class Lost(Exception):
    """The connection broke, or nothing answers: the request may be given to another endpoint."""


class Failed(Exception):
    """The server said that it could not do it now."""


class Refused(Exception):
    """The server understood, and no patience changes its answer; the message is its reason."""


class Endpoint:
    """One server. Its methods may be called from several threads at once."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.in_flight, self.failures = 0, 0
        self._counting = threading.Lock()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=IN_FLIGHT + 4),
            trust_env=urlsplit(url).hostname not in _LOOPBACK,  # no proxy for this machine
        )

    def get(self, path: str) -> dict[str, Any]:
        """The JSON of an address below the endpoint. Raises Lost, Failed or Refused."""
        return self._row(self._ask("GET", path, None))

    def post(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON answer. Raises Lost, Failed or Refused."""
        return self._row(self._ask("POST", path, payload))

    def begin(self) -> None:
        """Count a request that `complete` will send."""
        with self._counting:
            self.in_flight += 1

    def complete(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The completion of a request that was begun. Raises Lost, Failed or Refused."""
        try:
            return self.post("/v1/completions", payload)
        finally:
            with self._counting:
                self.in_flight -= 1

    def command(self, path: str, payload: Mapping[str, Any]) -> None:
        """Post, where nothing but success matters. Raises Lost, Failed or Refused."""
        self._ask("POST", path, payload)

    def check_health(self) -> None:
        """Raises Lost or Failed when its engine is dead."""
        self._ask("GET", "/health", None)

    def close(self) -> None:
        """Close all connections, unless requests are in flight: a thread that waits at a closed one never wakes."""
        if not self.in_flight:
            self._client.close()

    def _ask(self, method: str, path: str, payload: Mapping[str, Any] | None) -> httpx.Response:
        try:
            response = self._client.request(method, self.url + path, json=payload)
        except httpx.TransportError as error:
            raise Lost(f"{error or type(error).__name__}") from error
        if response.is_success:
            return response
        reason = _reason(response)
        if response.status_code >= 500 or response.status_code in _TEMPORARY:
            time.sleep(_PAUSE_S)
            raise Failed(reason)
        raise Refused(reason)

    def _row(self, response: httpx.Response) -> dict[str, Any]:
        try:
            row = response.json()
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise Refused("its answer is no JSON object; is it the address of a vLLM server?")
        return row


class Endpoints:
    """Those that live. Used from one thread; only an endpoint's own methods may be called from others.

    `key` is by default the one in VLLM_API_KEY; `advice` is what to do when none is left.
    """

    def __init__(
        self, urls: Sequence[str], log: Callable[[str], None], key: str | None = None, advice: str = _ADVICE
    ) -> None:
        key = os.environ.get(KEY_VARIABLE, "") if key is None else key
        self.alive = [Endpoint(url, key) for url in dict.fromkeys(urls)]
        self._log, self._last, self._advice = log, "", advice

    def free(self) -> Endpoint | None:
        """The one with the fewest requests in flight; None when all have as many as they may.

        Raises BackendError when none is left.
        """
        if not self.alive:
            raise BackendError(
                f"no vLLM endpoint is left ({self._last}); all finished samples are kept: {self._advice}"
            )
        least = min(self.alive, key=lambda endpoint: endpoint.in_flight)
        return least if least.in_flight < IN_FLIGHT else None

    def retire(self, endpoint: Endpoint, reason: str) -> None:
        """Give it nothing more, with one line in the log; a second call does nothing."""
        if endpoint in self.alive:
            self.alive.remove(endpoint)
            self._last = f"{endpoint.url}: {reason}"
            self._log(f"the vLLM endpoint {endpoint.url} is given up ({reason}); {len(self.alive)} left")
            endpoint.close()

    def note_failure(self, endpoint: Endpoint, reason: str) -> None:
        """It failed at a request; after some in a row it is given up."""
        endpoint.failures += 1
        if endpoint.failures >= _FAILURES:
            self.retire(endpoint, reason)

    def each(self, work: Callable[[Endpoint], None]) -> None:
        """Do something at every endpoint; one that is not there is retired. Raises BackendError when none is left."""
        for endpoint in list(self.alive):
            try:
                work(endpoint)
            except (Lost, Failed) as error:
                self.retire(endpoint, str(error))
        self.free()

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self.alive:
            endpoint.close()


def _reason(response: httpx.Response) -> str:
    """The server's error in one line: HTTP status and message."""
    try:
        body = response.json()
    except ValueError:
        body = None
    row = body if isinstance(body, dict) else {}
    error = row.get("error", row)
    message = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
    text = " ".join(str(message or response.reason_phrase).split())[:300]
    return f"HTTP {response.status_code}, {text}"
