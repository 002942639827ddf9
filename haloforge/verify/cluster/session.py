"""The one place that speaks to Ray: joining a cluster, and the process of ours on each of its nodes."""

import functools
import importlib.util
import ipaddress
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError, first_line
from haloforge.records import Problem
from haloforge.verify.cluster.dispatch import slots_of
from haloforge.verify.cluster.node import Asked, NodeEngine

_log = logging.getLogger(__name__)

EXTRA = "halo-forge[cluster]"
_ANSWERS_S = 5.0
"""Seconds in which a cluster's port must take a connection."""


@dataclass(frozen=True)
class Place:
    """A node of the cluster that has processors to give. `id` is Ray's, `name` its address."""

    id: str
    name: str
    cores: int


def address_of(cluster: str) -> str:
    """HOST:PORT of `verifier.cluster`. Raises VerifierError where it names none, or one that anybody could use."""
    address = os.environ.get("RAY_ADDRESS", "") if cluster == "auto" else cluster
    if cluster == "auto" and not address:
        raise VerifierError(
            "verifier.cluster: auto joins the cluster that RAY_ADDRESS names, and RAY_ADDRESS is not set"
        )
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise VerifierError(f"verifier.cluster: {address!r} is no HOST:PORT, such as 10.0.0.1:6379")
    if not _is_loopback(host) and os.environ.get("RAY_AUTH_MODE") != "token":
        raise VerifierError(
            f"verifier.cluster: {address} can be reached from other machines, and Ray runs anybody's code: start every "
            "node and this command with RAY_AUTH_MODE=token"
        )
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Session:
    """This process as a driver of a Ray cluster. It stays one until it ends: joining takes a second."""

    _joined: str = ""
    _lock = threading.Lock()

    def __init__(self, address: str) -> None:
        """Raises VerifierError where Ray is not installed, or no cluster answers."""
        self.address = address
        if importlib.util.find_spec("ray") is None:
            raise VerifierError(f"verifier.cluster needs Ray: pip install '{EXTRA}'")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if os.environ.get("RAY_AUTH_MODE") != "token":
            _log.warning(
                "Ray listens on every network of this machine, whatever address it is given, and runs anybody's code: "
                "where others reach this machine, start the nodes and this command with RAY_AUTH_MODE=token"
            )
        with Session._lock:
            self._join(address)

    def _join(self, address: str) -> None:
        import ray
        import ray._private.arrow_serialization

        if ray.is_initialized():
            if Session._joined == address:
                return
            ray.shutdown()
        ray._private.worker.print_worker_logs = _to_our_log
        ray._private.arrow_serialization._register_custom_datasets_serializers = _not_needed
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_S).close()
            own = {"_node_ip_address": host} if _is_loopback(host) else {}
            with _kept_signals():
                ray.init(
                    address=address, log_to_driver=False, logging_level="ERROR", job_config=_own_modules_only(), **own
                )
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            why = first_line(error)
            if "AuthenticationError" in str(error.__cause__):
                why = "the token of RAY_AUTH_TOKEN, or of the file that RAY_AUTH_TOKEN_PATH names, is not the cluster's"
            raise VerifierError(
                f"verifier.cluster: no Ray cluster can be joined at {address} ({why}); `ray start --head` starts one, "
                f"and where this machine is no node of it, `ray start --address={address} --num-cpus=0` joins it"
            ) from error
        Session._joined = address

    def places(self) -> list[Place]:
        """Nodes that live and have processors to give, the same order each time."""
        import ray

        rows = [row for row in ray.nodes() if row["Alive"] and row["Resources"].get("CPU")]
        addresses = [row["NodeManagerAddress"] for row in rows]
        places = [
            Place(row["NodeID"], _name_of(row, alone=addresses.count(row["NodeManagerAddress"]) == 1),
                  int(row["Resources"]["CPU"]))
            for row in rows
        ]  # fmt: skip
        return sorted(places, key=lambda place: (place.name, place.id))

    def start(self, place: Place, settings: VerifySettings) -> "Engine":
        """Our engine on that node. Returns at once; a failure comes with the first answer."""
        return Engine(place, settings)

    def share(self, problems: Sequence[Problem]) -> Any:
        """The problems in the cluster's memory, so that every node can be given them without another copy here."""
        import ray

        return ray.put(list(problems))


def _name_of(row: Mapping[str, Any], *, alone: bool) -> str:
    """The address; with Ray's id where another node has the same."""
    return str(row["NodeManagerAddress"]) + ("" if alone else f" ({row['NodeID'][:8]})")


@functools.cache
def _remote_engine() -> Any:
    """One for all nodes: Ray reads and sends the class each time that one is made."""
    import ray

    return ray.remote(concurrency_groups={"alive": 1})(NodeEngine)


class Engine:
    """The engine of one node, from afar. Every call is a future; one that fails means that the node is lost."""

    def __init__(self, place: Place, settings: VerifySettings) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.place = place
        actor = _remote_engine().options(
            num_cpus=0,  # who shares a node's processors is the business of the user, who may start two runs
            max_concurrency=slots_of(place.cores),
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.id, soft=False),
        )
        self._actor = actor.remote(place.name, settings, place.cores)

    def facts(self, languages: Sequence[str]) -> "Future[dict[str, Any]]":
        """`NodeEngine.facts`."""
        return self._future(self._actor.facts.remote(languages))

    def check(self, shared: Any) -> "Future[dict[str, str]]":
        """`NodeEngine.check` of problems that `Session.share` shared."""
        return self._future(self._actor.check.remote(shared))

    def judge(self, piece: Asked) -> "Future[dict[str, Any]]":
        """`NodeEngine.judge`."""
        return self._future(self._actor.judge.remote(piece))

    def alive(self) -> "Future[bool]":
        """Answered beside the pieces, not after them."""
        return self._future(self._actor.alive.options(concurrency_group="alive").remote())

    @staticmethod
    def _future(reference: Any) -> "Future[Any]":
        future: Future[Any] = reference.future()
        return future

    def close(self) -> "Future[None]":
        """`NodeEngine.close`, after which its process can be killed."""
        return self._future(self._actor.close.remote())

    def kill(self) -> None:
        """End the process at once."""
        import ray

        ray.kill(self._actor)


def is_lost(error: BaseException) -> bool:
    """Whether an error of a call means that the node's process is gone, rather than that the call failed there."""
    import ray

    return isinstance(error, ray.exceptions.RayActorError | ray.exceptions.RaySystemError)


def reason_of(error: BaseException) -> str:
    """Why a call failed, in one line. Ray puts the error of the node's code last, after where it was raised."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d+m", "", str(error)).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]


def _own_modules_only() -> Any:
    """A job whose processes import what is installed on their node.

    Ray would put this process's folder first on their path, and they run outside a sandbox: a `haloforge.py` there
    would run in place of ours.
    """
    from ray.job_config import JobConfig

    class InstalledOnly(JobConfig):  # type: ignore[misc]
        _py_driver_sys_path = property(lambda self: [], lambda self, paths: None)

    return InstalledOnly()


def _to_our_log(said: Mapping[str, Any], sink: object, ignore_prefix: bool) -> None:
    """Ray has no setting for it, and prints what its daemons say to stdout, where the JSON of a command goes."""
    for line in said["lines"]:
        _log.info("Ray: %s", line)


def _not_needed(context: object) -> None:
    """Ray would import pyarrow here, 0.1 s of CPU, to send tables. We send none."""


@contextmanager
def _kept_signals() -> Iterator[None]:
    """Ray's driver takes SIGTERM for itself; ours stops a run by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: dict[signal.Signals, Callable[..., Any] | int | None] = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
