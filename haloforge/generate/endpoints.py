"""Several addresses of vLLM servers: requests go to the one with the least to do, and one that is dead gets none."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from haloforge.errors import BackendError
from haloforge.generate.engine import never
from haloforge.generate.web import Client, json_of, key_in, reason_of, retry_after, wait_for

IN_FLIGHT = 64
"""Requests that one endpoint has at once; a server puts them into its own batches."""

KEY_VARIABLE = "VLLM_API_KEY"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_OF_AN_ANSWER = httpx.Timeout(3600.0, connect=10.0)
"""A long answer of a large model takes many minutes; whether the server lives is asked beside it."""
_OF_HEALTH = httpx.Timeout(10.0)
_SILENT_S = 60.0
"""An endpoint that has answered nothing for so long is asked whether it lives."""
_TEMPORARY = frozenset({408, 409, 425, 429})
_FAILURES = 3
"""In a row, and the endpoint is asked for its health: a vLLM whose engine died still answers, with HTTP 500."""
_PAUSE_S = 0.5
"""Before a request that failed is given again; doubled each time, where the server does not say how long."""
_LONGEST_PAUSE_S = 60.0
_ADVICE = "start one, and resume the run"


class Lost(Exception):
    """The connection broke, or nothing answers: the request may be given to another endpoint."""


class Failed(Exception):
    """The server said that it could not do it now, and perhaps after how many seconds it can."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class Refused(Exception):
    """The server understood, and no patience changes its answer; the message is its reason."""


class Endpoint:
    """One server. Its methods may be called from several threads at once."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.in_flight, self.failures = 0, 0
        self.heard = time.monotonic()
        """When it last answered anything."""
        self._counting = threading.Lock()
        self._client = Client(
            {"Authorization": f"Bearer {key}"} if key else {},
            _TIMEOUT,
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
            if not self.in_flight:
                self.heard = time.monotonic()
            self.in_flight += 1

    def complete(self, payload: Mapping[str, Any], failed: int, given_up: Callable[[], bool]) -> dict[str, Any]:
        """The completion of a request that was begun and has `failed` so often before.

        Raises Lost, Refused, or Failed after a pause: as long as the server says, or doubled each time.
        """
        try:
            return self._row(self._ask("POST", "/v1/completions", payload, given_up, _OF_AN_ANSWER))
        except Failed as error:
            pause = _PAUSE_S * 2**failed if error.pause_s is None else error.pause_s
            wait_for(min(_LONGEST_PAUSE_S, pause), given_up)
            raise
        finally:
            with self._counting:
                self.in_flight -= 1

    def command(self, path: str, payload: Mapping[str, Any]) -> None:
        """Post, where nothing but success matters. Raises Lost, Failed or Refused."""
        self._ask("POST", path, payload)

    def check_health(self) -> None:
        """Raises Lost or Failed when its engine is dead."""
        with suppress(Refused):  # what stands before it may not pass such a question on
            self._ask("GET", "/health", None, timeout=_OF_HEALTH)

    def abandon(self) -> None:
        """End the requests in flight: nobody waits for them any more, and the server need not finish them."""
        self._client.abandon()

    def close(self) -> None:
        """End the requests in flight, and close all connections."""
        self._client.close()

    def _ask(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        given_up: Callable[[], bool] = never,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        try:
            response = self._client.request(method, self.url + path, payload, given_up=given_up, timeout=timeout)
        except (httpx.RequestError, RuntimeError) as error:  # a closed client says RuntimeError
            raise Lost(f"{error or type(error).__name__}") from error
        self.heard = time.monotonic()
        if response.is_success:
            return response
        if response.status_code >= 500 or response.status_code in _TEMPORARY:
            raise Failed(reason_of(response), retry_after(response))
        raise Refused(reason_of(response))

    def _row(self, response: httpx.Response) -> dict[str, Any]:
        row = json_of(response)
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
        key = key_in(KEY_VARIABLE) if key is None else key
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
        """It failed at a request; after some in a row it is given up, unless it only has too much to do."""
        endpoint.failures += 1
        if endpoint.failures >= _FAILURES:
            endpoint.failures = 0
            self._retire_unhealthy(endpoint, reason)

    def look(self) -> None:
        """Give up those that have answered nothing for long, and do not answer when they are asked for their health."""
        for endpoint in list(self.alive):
            if endpoint.in_flight and time.monotonic() - endpoint.heard > _SILENT_S:
                self._retire_unhealthy(endpoint, "")

    def _retire_unhealthy(self, endpoint: Endpoint, reason: str) -> None:
        try:
            endpoint.check_health()
        except (Lost, Failed) as error:
            self.retire(endpoint, reason or str(error))

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
