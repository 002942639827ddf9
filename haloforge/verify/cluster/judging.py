"""The cluster as a judge: one thread hands pieces to nodes and takes their outcomes, another looks for new nodes."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError, first_line
from haloforge.languages import language_of
from haloforge.records import Problem
from haloforge.verify.box.confinement.limits import WALL_PER_CPU
from haloforge.verify.cluster.dispatch import PIECE, Dispatcher, Node, Sent, slots_of
from haloforge.verify.cluster.members import Members
from haloforge.verify.cluster.node import Asked
from haloforge.verify.cluster.session import is_lost, reason_of
from haloforge.verify.judge import Job
from haloforge.verify.outcome import Outcome
from haloforge.verify.trials import MAX_TRIES, REFERENCE_CPU_S
from haloforge.verify.worker import limits_for

TICK_S = 1.0
"""How often silence and deadlines are looked at."""
ASK_S = 3.0
"""A node that has given nothing back for so long is asked whether it lives."""
SILENT_S = 10.0
"""A node that does not answer that for so long gets no samples, and those it has go to others."""
NOBODY_S = 120.0
"""So long samples wait for a node that can judge them, before the run fails."""
LOOKS_S = 3.0
"""How often the cluster is asked for new nodes."""
_Event = Callable[[], None]

_log = logging.getLogger(__name__)


class Cluster:
    """Judges on the nodes. Its threads start with the first job."""

    def __init__(self, settings: VerifySettings, members: Members) -> None:
        self.isolation = members.roll.isolation
        self._settings = settings
        self._members = members
        self._membership = threading.Lock()
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._dispatcher: Dispatcher[Job] = Dispatcher(
            lambda job: language_of(job.problem.language).name, lambda job: longest_s(job.problem, settings)
        )
        self._asked: dict[str, float] = {}
        self._heard_at: dict[str, float] = {}
        self._stranded_since: float | None = None
        self._joined: dict[str, None] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def ahead(self) -> int:
        """Twice what the nodes hold at once."""
        return 2 * PIECE * sum(slots_of(engine.place.cores) for engine in list(self._members.engines.values()))

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the problems that `auto_joined` has judged in one process with their tests so far."""
        return tuple(self._joined)

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError when no node can judge these problems."""
        with self._membership:
            self._members.check(problems)
            self._tell_dispatcher()

    def made_by(self, language: str) -> Any:
        """What the nodes run that language by; they are asked the first time."""
        name = language_of(language).name
        if name not in self._members.roll.made_by:
            with self._membership:
                self._members.learn([name])
                self._tell_dispatcher()
        return self._members.made_by(name)

    def _tell_dispatcher(self) -> None:
        for node in self._members.nodes():
            self._events.put(partial(self._dispatcher.judges, node.name, node.languages))

    def put(self, job: Job) -> None:
        """Judge that sample in the background."""
        self._start()
        self._events.put(lambda: self._take(job))

    def close(self) -> None:
        """Finish what was put, then end the engine of every node."""
        self._closing.set()
        self._events.put(lambda: None)
        for thread in self._threads[:1]:  # the other may wait for a node that cannot be reached
            thread.join()
        for node in self._dispatcher.nodes:
            if node.silent:
                self._members.leave(node.name)
        self._members.close()

    def _start(self) -> None:
        with self._lock:
            if self._threads:
                return
            for node in self._members.nodes():
                self._dispatcher.join(node)
            for work in (self._run, self._look):
                thread = threading.Thread(target=work, name="verify-cluster", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self) -> None:
        looked = time.monotonic()
        while not (self._closing.is_set() and not self._dispatcher.unanswered and self._events.empty()):
            now = time.monotonic()
            try:
                self._work_off()
                if now >= looked + TICK_S:
                    looked = now
                    self._tick(now)
                for number, sent in self._dispatcher.send(now):
                    self._hand_over(number, sent)
            except Exception as error:  # noqa: BLE001 - goes to those who asked, so that none waits for ever
                _log.exception("the cluster's samples could not be handed out")
                for job in self._dispatcher.abandoned():
                    job.answered(error)

    def _work_off(self) -> None:
        """Everything that has happened; waits for something to happen, a tick at most."""
        with contextlib.suppress(queue.Empty):
            self._events.get(timeout=TICK_S)()
        while not self._events.empty():
            self._events.get()()

    def _take(self, job: Job) -> None:
        try:
            known = job.known()
        except Exception as error:  # noqa: BLE001 - goes to those who asked
            job.answered(error)
            return
        if known is None:
            self._dispatcher.add(job)
        else:
            job.answered(known)

    def _hand_over(self, number: int, sent: Sent[Job]) -> None:
        engine = self._members.engines.get(sent.node)
        if engine is None:
            self._events.put(lambda: self._gone(sent.node, "it left"))
            return
        try:
            future = engine.judge(_asked(sent.piece.jobs))
        except Exception as error:  # noqa: BLE001 - Ray raises here what it could have put into the future
            self._events.put(partial(self._failed, number, sent, error))
            return
        future.add_done_callback(lambda done: self._events.put(lambda: self._back(number, sent, done)))

    def _back(self, number: int, sent: Sent[Job], future: "Future[dict[str, Any]]") -> None:
        error = future.exception()
        if error is not None:
            self._failed(number, sent, error)
            return
        answer = future.result()
        self._heard_at[sent.node] = time.monotonic()
        self._joined.update(dict.fromkeys(answer["joined"]))
        for position, job in self._dispatcher.answered(number):
            job.answered(Outcome.from_json(answer["outcomes"][position]))

    def _failed(self, number: int, sent: Sent[Job], error: BaseException) -> None:
        if not self._dispatcher.is_out(number):
            return
        if is_lost(error):
            self._gone(sent.node, first_line(error)[:200])
        else:
            _log.warning("node %s: %s", sent.node, reason_of(error))
        self._give_up(self._dispatcher.failed(number))

    def _gone(self, name: str, why: str) -> None:
        if name not in {node.name for node in self._dispatcher.nodes}:
            return
        _log.warning("node %s is lost (%s); its samples are given to others", name, why)
        self._asked.pop(name, None)
        self._give_up(self._dispatcher.leave(name))
        self._members.leave(name)

    def _tick(self, now: float) -> None:
        for node in self._dispatcher.nodes:
            since = self._asked.get(node.name)
            if since is None:
                if node.silent or (node.in_flight and now - self._heard_at.get(node.name, 0.0) > ASK_S):
                    self._ask(node.name, now)
            elif now - since > SILENT_S and not node.silent:
                _log.warning("node %s is silent for %.0f s; its samples are given to others", node.name, SILENT_S)
                self._dispatcher.silence(node.name)
        self._give_up(self._dispatcher.overdue(now))
        stranded = self._dispatcher.stranded()
        if not stranded:
            self._stranded_since = None
        elif self._stranded_since is None:
            self._stranded_since = now
        elif now - self._stranded_since > NOBODY_S:
            self._dispatcher.give_up(stranded)
            for job in stranded:
                language = job.problem.language
                job.answered(VerifierError(f"for {NOBODY_S:g} s no node of the cluster was there to judge {language}"))

    def _ask(self, name: str, now: float) -> None:
        engine = self._members.engines.get(name)
        if engine is None:
            return
        self._asked[name] = now
        engine.alive().add_done_callback(lambda done: self._events.put(lambda: self._heard(name, now, done)))

    def _heard(self, name: str, asked: float, future: "Future[bool]") -> None:
        if self._asked.get(name) != asked:
            return  # of a process before this one
        error = future.exception()
        if error is not None:
            self._gone(name, first_line(error)[:200])
            return
        del self._asked[name]
        self._heard_at[name] = time.monotonic()
        self._dispatcher.hear(name)

    def _look(self) -> None:
        """Nodes that have joined since, or whose process ended, are taken in."""
        while not self._closing.wait(LOOKS_S):
            try:
                places = self._members.newcomers()
                if not places:
                    continue
                with self._membership:
                    for node in self._members.enter(places):
                        self._events.put(partial(self._welcome, node))
            except Exception:  # noqa: BLE001 - the run goes on with the nodes it has
                _log.exception("the cluster could not be asked for its nodes")
                continue
            if self._closing.is_set():
                self._members.close()

    def _welcome(self, node: Node) -> None:
        _log.info("node %s has joined with %d cores", node.name, node.cores)
        self._dispatcher.join(node)

    def _give_up(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            job.answered(Outcome("unscored", "the nodes that judged it were lost, again and again"))


def longest_s(problem: Problem, settings: VerifySettings) -> float:
    """Seconds that judging a sample may take at most, alone on a core: all its tests at their limit, each tried again,
    and its reference."""
    runs = max(1, len(problem.tests.cases))
    return MAX_TRIES * runs * limits_for(problem, settings).wall_s + REFERENCE_CPU_S * WALL_PER_CPU


def _asked(jobs: Sequence[Job]) -> Asked:
    """Consecutive samples of one problem travel with it once."""
    asked: Asked = []
    for job in jobs:
        if not asked or asked[-1][0] is not job.problem:
            asked.append((job.problem, []))
        asked[-1][1].append(job.code)
    return asked
