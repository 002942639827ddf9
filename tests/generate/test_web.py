"""An HTTP client is closed while other threads wait for its answers, by which none may be left waiting."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from haloforge.generate.web import Client


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def asked(client: Client, url: str, ends: list[str]) -> threading.Thread:
    """A thread that asks, and notes by which error that ended."""

    def ask() -> None:
        try:
            client.request("POST", url, {})
        except (httpx.RequestError, RuntimeError) as error:
            ends.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def connections(client: Client, count: int) -> list[socket.socket]:
    """The sockets of so many requests in flight."""
    while len(client._connections) < count:
        time.sleep(0.01)
    return [connection.get_extra_info("socket") for connection in client._connections]


def test_a_socket_is_not_closed_while_another_thread_waits_at_it(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, ends = Client({}, httpx.Timeout(600)), list[str]()
    thread = asked(client, silent, ends)
    (waiting,) = connections(client, 1)
    monkeypatch.setattr(client, "abandon", lambda: None)  # as if that thread were slow to wake
    client.close()
    assert thread.is_alive() and waiting.fileno() != -1
    waiting.shutdown(socket.SHUT_RDWR)
    thread.join(30)
    assert not thread.is_alive() and waiting.fileno() == -1


def test_closing_ends_all_that_is_in_flight_and_whatever_comes_after(silent: str) -> None:
    client, ends = Client({}, httpx.Timeout(600)), list[str]()
    threads = [asked(client, silent, ends) for _ in range(16)]
    connections(client, 16)
    client.close()
    threads.append(asked(client, silent, ends))
    for thread in threads:
        thread.join(30)
    assert len(ends) == 17 and client.http.is_closed
