"""Which node judges which samples next. No threads, no clock and no Ray: times come in, so that it can be simulated.

Samples of one problem are handed out in pieces. A piece whose node died, fell silent or took too long is given to
another node; a piece that was lost twice is halved, since one of its samples may be what ends nodes. The first outcome
of a sample counts, whichever node it comes from.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from haloforge.records import Problem

PIECE = 16
"""Samples of a piece, at most."""
LOST_TWICE = 2
SLACK_S = 30.0
"""Seconds that a piece may take beyond the limits of its samples."""


class Work(Protocol):
    """A sample, as far as handing it out goes."""

    @property
    def problem(self) -> Problem:
        """The problem that it is to solve."""


W = TypeVar("W", bound=Work)


@dataclasses.dataclass(eq=False)
class Piece(Generic[W]):
    """Samples that are judged by one node, in one call."""

    jobs: Sequence[W]
    lost: int = 0
    """How often a node did not give it back."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sent(Generic[W]):
    """A piece on its way."""

    node: str
    piece: Piece[W]
    until: float
    """When it is given to another node."""


@dataclasses.dataclass(eq=False)
class Node:
    """A node that takes pieces. `languages` are those whose programs it can judge."""

    name: str
    cores: int
    languages: frozenset[str]
    in_flight: int = 0
    samples: int = 0
    silent: bool = False

    @property
    def slots(self) -> int:
        """Pieces that it holds at once."""
        return slots_of(self.cores)


def slots_of(cores: int) -> int:
    """Pieces that a node holds at once: three, or as many as give each of its cores two samples."""
    return max(3, math.ceil(2 * cores / PIECE) + 1)


class Dispatcher(Generic[W]):
    """Hands waiting samples to nodes. Used by one thread.

    `language_of` names what a node must be able to judge, `longest_s` how many seconds a sample may take at most.
    """

    def __init__(self, language_of: Callable[[W], str], longest_s: Callable[[W], float]) -> None:
        self._language_of = language_of
        self._longest_s = longest_s
        self._waiting: dict[str, dict[int, deque[W]]] = {}
        self._again: deque[Piece[W]] = deque()
        self._open: set[W] = set()
        self._count = 0
        self._sent: dict[int, Sent[W]] = {}
        self._late: dict[int, Sent[W]] = {}
        self._numbers = 0
        self._nodes: dict[str, Node] = {}
        self._ready: deque[Node] = deque()
        self._slots = 0
        self.lost = 0
        """Pieces that a node did not give back so far."""

    def add(self, job: W) -> None:
        """A sample that waits for a node."""
        self._open.add(job)
        self._count += 1
        problems = self._waiting.setdefault(self._language_of(job), {})
        problems.setdefault(id(job.problem), deque()).append(job)

    @property
    def unanswered(self) -> int:
        """Samples without an outcome."""
        return len(self._open)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Those that have joined and not left."""
        return tuple(self._nodes.values())

    def join(self, node: Node) -> None:
        """A node that takes pieces from now on."""
        self._nodes[node.name] = node
        self._ready.append(node)
        self._slots += node.slots

    def judges(self, name: str, languages: frozenset[str]) -> None:
        """The node takes samples of these languages from now on, and of no other."""
        if name in self._nodes:
            self._nodes[name].languages = languages

    def leave(self, name: str) -> list[W]:
        """The node is gone. Its pieces are given again; samples that are given up are returned."""
        node = self._nodes.pop(name, None)
        if node is not None and not node.silent:
            self._set_aside(node)
        given_up = self._given_again(number for number, sent in self._sent.items() if sent.node == name)
        self._late = {number: sent for number, sent in self._late.items() if sent.node != name}
        return given_up

    def silence(self, name: str) -> list[W]:
        """The node does not answer now. Its pieces are given again, and it gets none until `hear`; as `leave`."""
        node = self._nodes.get(name)
        if node is None or node.silent:
            return []
        self._set_aside(node)
        node.silent = True
        return self._given_again(number for number, sent in self._sent.items() if sent.node == name)

    def hear(self, name: str) -> None:
        """The node answers again."""
        node = self._nodes.get(name)
        if node is not None and node.silent:
            node.silent = False
            self._slots += node.slots
            if node.in_flight < node.slots:
                self._ready.append(node)

    def send(self, now: float) -> Iterator[tuple[int, Sent[W]]]:
        """Pieces to hand to nodes now, each with a number. Every node gets one before any gets a second."""
        passed_over = 0
        while self._ready and passed_over < len(self._ready) and (self._again or self._count):
            node = self._ready.popleft()
            piece = self._next_for(node)
            if piece is None:
                self._ready.append(node)
                passed_over += 1
                continue
            passed_over = 0
            node.in_flight += 1
            node.samples += len(piece.jobs)
            if node.in_flight < node.slots:
                self._ready.append(node)
            self._numbers += 1
            sent = Sent(node.name, piece, now + self._allowed_s(node, piece))
            self._sent[self._numbers] = sent
            yield self._numbers, sent

    def answered(self, number: int) -> list[tuple[int, W]]:
        """A piece came back: its samples that had no outcome yet, with their positions in the piece."""
        sent = self._take_back(number) or self._late.pop(number, None)
        if sent is None:
            return []
        fresh = [(position, job) for position, job in enumerate(sent.piece.jobs) if job in self._open]
        self._open.difference_update(job for _, job in fresh)
        return fresh

    def is_out(self, number: int) -> bool:
        """Whether that piece may still come back: not when it did, or its node is gone."""
        return number in self._sent or number in self._late

    def failed(self, number: int) -> list[W]:
        """A piece did not come back. It is given again; samples that are given up are returned."""
        return self._given_again([number])

    def overdue(self, now: float) -> list[W]:
        """Give again every piece that took too long; samples that are given up are returned."""
        return self._given_again(number for number, sent in self._sent.items() if sent.until <= now)

    def stranded(self) -> list[W]:
        """Samples that wait, and that no node takes."""
        takers = [node for node in self._nodes.values() if not node.silent]
        taken = frozenset().union(*(node.languages for node in takers))
        unheard = (problems for language, problems in self._waiting.items() if language not in taken)
        waiting = (job for problems in unheard for jobs in problems.values() for job in jobs)
        again = (job for piece in self._again for job in piece.jobs if job in self._open)
        return [*waiting, *(job for job in again if self._language_of(job) not in taken)]

    def give_up(self, jobs: Iterable[W]) -> None:
        """These samples need no outcome any more."""
        gone = set(jobs) & self._open
        self._open -= gone
        for problems in self._waiting.values():
            for key in list(problems):
                kept = deque(job for job in problems[key] if job not in gone)
                self._count -= len(problems[key]) - len(kept)
                problems[key] = kept
                if not kept:
                    del problems[key]

    def abandoned(self) -> list[W]:
        """Every sample without an outcome; none is left."""
        jobs = list(self._open)
        self.give_up(jobs)
        return jobs

    def _set_aside(self, node: Node) -> None:
        self._slots -= node.slots
        if node in self._ready:
            self._ready.remove(node)

    def _next_for(self, node: Node) -> Piece[W] | None:
        for _ in range(len(self._again)):
            piece = self._again.popleft()
            piece.jobs = [job for job in piece.jobs if job in self._open]
            if not piece.jobs:
                continue
            if {self._language_of(job) for job in piece.jobs} <= node.languages:
                return piece
            self._again.append(piece)
        for language, problems in self._waiting.items():
            if problems and language in node.languages:
                return Piece(self._taken_from(problems))
        return None

    def _taken_from(self, problems: dict[int, deque[W]]) -> list[W]:
        """Samples of the problem that waits longest, then of the next: fewer when little waits, so that all share."""
        size = min(PIECE, math.ceil(self._count / self._slots))
        taken: list[W] = []
        while problems and len(taken) < size:
            key = next(iter(problems))
            jobs = problems[key]
            taken += [jobs.popleft() for _ in range(min(size - len(taken), len(jobs)))]
            if not jobs:
                del problems[key]
        self._count -= len(taken)
        return taken

    def _allowed_s(self, node: Node, piece: Piece[W]) -> float:
        """With every sample on the node at its limit, and the cores of the node shared by all of them."""
        longest = max(map(self._longest_s, piece.jobs))
        return SLACK_S + longest * math.ceil(node.samples / node.cores)

    def _take_back(self, number: int) -> Sent[W] | None:
        sent = self._sent.pop(number, None)
        node = self._nodes.get(sent.node) if sent else None
        if sent is None or node is None:
            return sent
        was_full = node.in_flight == node.slots
        node.in_flight -= 1
        node.samples -= len(sent.piece.jobs)
        if was_full and not node.silent:
            self._ready.append(node)
        return sent

    def _given_again(self, numbers: Iterable[int]) -> list[W]:
        given_up: list[W] = []
        for number in list(numbers):
            sent = self._take_back(number)
            if sent is not None:
                self._late[number] = sent  # it may come back all the same
                given_up += self._lose(sent.piece)
        return given_up

    def _lose(self, piece: Piece[W]) -> list[W]:
        jobs = [job for job in piece.jobs if job in self._open]
        lost = piece.lost + 1
        self.lost += 1
        if lost < LOST_TWICE:
            self._again.append(Piece(jobs, lost))
        elif len(jobs) > 1:
            half = math.ceil(len(jobs) / 2)
            self._again.extend(Piece(part, min(1, len(part) - 1)) for part in (jobs[:half], jobs[half:]))
        else:
            self._open.difference_update(jobs)
            return jobs
        return []
