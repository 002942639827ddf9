"""The dispatcher of `verifier.cluster` at 10, 100 and 1,000 nodes that are not there: a simulation of events.

The real `Dispatcher` hands out samples; nodes, their cores, the times of samples and failures are drawn, with a seed.
A driver spends 30 us on a sample (measured over Ray, benchmarks/cluster.py), and sees nothing else meanwhile.

    python benchmarks/scale.py            # the table in docs/scale.md
    python benchmarks/scale.py 10 100     # other numbers of nodes
"""

import argparse
import heapq
import random
import resource
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from haloforge.records import Problem
from haloforge.verify.cluster.dispatch import Dispatcher, Node, Sent
from haloforge.verify.cluster.judging import ASK_S, SILENT_S, TICK_S

CORES = 64
SAMPLES_PER_NODE = 1000
PROBLEMS = 1000
DRIVER_S = 30e-6
WIRE_S = 0.0005
DEATH_SEEN_S = 1.6
"""After how long Ray tells of a node that was killed; a cut link is noticed by our own question, after `SILENT_S`."""
SLOW_NODES, SLOWER = 0.02, 4.0
FAILING_NODES = 0.02
"""Half of them die, half lose their link, at a time drawn from the length that the run would have without them."""
MEAN_S = {"python": 0.0037, "cpp": 0.8}
SIGMA = 0.6
TIMEOUTS, LIMIT_S = 0.002, 10.0
LONGEST_S = 360.0


@dataclass(frozen=True, eq=False)
class Job:
    """A sample; `cpu_s` is what judging it takes on a node of usual speed."""

    problem: Problem
    cpu_s: float


@dataclass(eq=False)
class FakeNode:
    """Cores that take samples in the order in which they come."""

    slower: float
    dies: float = float("inf")
    is_cut: bool = False
    free: list[float] = field(default_factory=lambda: [0.0] * CORES)
    busy_s: float = 0.0
    spans: "array[float]" = field(default_factory=lambda: array("d"))
    """Start and end of each sample, one after the other."""

    def judge(self, now: float, jobs: list[Job]) -> float:
        """When the last of them is done."""
        last = now
        for job in jobs:
            start = max(now, heapq.heappop(self.free))
            end = start + job.cpu_s * self.slower
            self.busy_s += max(0.0, min(end, self.dies) - min(start, self.dies))
            self.spans.extend((start, min(end, self.dies)))
            heapq.heappush(self.free, end)
            last = max(last, end)
        return last

    def busy_until(self, moment: float) -> float:
        """Seconds of its cores that were at work before that moment."""
        pairs = zip(self.spans[::2], self.spans[1::2], strict=True)
        return sum(max(0.0, min(end, moment) - start) for start, end in pairs)


@dataclass(frozen=True)
class Figures:
    """Shares are of 1.

    `tail_s` is the time from the last sample that was handed out to the last verdict; `used_before` the share of the
    cores that worked until then, `used` that of the whole run.
    """

    seconds: float
    tail_s: float
    used_before: float
    used: float
    lost: float
    dispatch_us: float
    given_again: int


class Simulation:
    """One run."""

    def __init__(self, nodes: int, language: str, seed: int = 0) -> None:
        self._draw = random.Random(seed)
        self._language = language
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = 0
        self._work: Dispatcher[Job] = Dispatcher(lambda job: language, lambda job: LONGEST_S)
        self._jobs = self._drawn_jobs(nodes * SAMPLES_PER_NODE)
        self._useful_s = sum(job.cpu_s for job in self._jobs)
        expected = max(self._useful_s / (nodes * CORES), len(self._jobs) * DRIVER_S)
        self._nodes = {f"n{number}": self._drawn_node(expected) for number in range(nodes)}
        self._useful_on: dict[str, float] = dict.fromkeys(self._nodes, 0.0)
        self._driver_free = self._last_sent = 0.0

    def run(self) -> Figures:
        """Until every sample has its outcome."""
        for name, node in self._nodes.items():
            self._work.join(Node(name, CORES, frozenset({self._language})))
            if node.dies < float("inf"):
                self._at(node.dies + (ASK_S + SILENT_S + TICK_S if node.is_cut else DEATH_SEEN_S), self._loss_of(name))
        for job in self._jobs:
            self._work.add(job)
        self._at(TICK_S, self._tick)
        began = time.process_time()
        now = self._send(0.0)
        while self._work.unanswered:
            now, _, happen = heapq.heappop(self._events)
            now = max(now, self._driver_free)
            happen(now)
            self._send(now)
        spent = time.process_time() - began
        busy = sum(node.busy_s for node in self._nodes.values())
        useful = sum(self._useful_on.values())
        out = self._last_sent
        before = sum(node.busy_until(out) for node in self._nodes.values()) / self._core_seconds(out)
        return Figures(now, now - out, before, useful / self._core_seconds(now), max(0.0, 1 - useful / busy),
                       spent / len(self._jobs) * 1e6, self._work.lost)  # fmt: skip

    def _core_seconds(self, until: float) -> float:
        return sum(min(until, node.dies) for node in self._nodes.values()) * CORES

    def _send(self, now: float) -> float:
        for number, sent in self._work.send(now):
            self._driver_free = max(now, self._driver_free) + DRIVER_S * len(sent.piece.jobs)
            self._last_sent = self._driver_free
            node = self._nodes[sent.node]
            done = node.judge(self._driver_free + WIRE_S, list(sent.piece.jobs)) + WIRE_S
            if done < node.dies:
                self._at(done, self._return_of(number, sent))
        return now

    def _return_of(self, number: int, sent: Sent[Job]) -> Callable[[float], None]:
        def happen(now: float) -> None:
            slower = self._nodes[sent.node].slower
            self._useful_on[sent.node] += sum(job.cpu_s * slower for _, job in self._work.answered(number))

        return happen

    def _loss_of(self, name: str) -> Callable[[float], None]:
        def happen(now: float) -> None:
            if self._nodes[name].is_cut:
                self._work.silence(name)
            else:
                self._work.leave(name)

        return happen

    def _tick(self, now: float) -> None:
        self._work.overdue(now)
        self._at(now + TICK_S, self._tick)

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        self._serial += 1
        heapq.heappush(self._events, (when, self._serial, happen))

    def _drawn_jobs(self, count: int) -> list[Job]:
        problems = [Problem(str(number), "x", language=self._language) for number in range(PROBLEMS)]
        mean, each = MEAN_S[self._language], max(1, count // PROBLEMS)
        median = mean / 2.718281828 ** (SIGMA**2 / 2)
        drawn = (
            LIMIT_S if self._draw.random() < TIMEOUTS else self._draw.lognormvariate(0, SIGMA) * median
            for _ in range(count)
        )
        return [Job(problems[number // each % PROBLEMS], cpu_s) for number, cpu_s in enumerate(drawn)]

    def _drawn_node(self, expected: float) -> FakeNode:
        node = FakeNode(SLOWER if self._draw.random() < SLOW_NODES else 1.0)
        if self._draw.random() < FAILING_NODES:
            node.dies, node.is_cut = self._draw.uniform(0, expected), self._draw.random() < 0.5
        return node


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes", nargs="*", type=int, default=[10, 100, 1000])
    print("| nodes | samples | language | run | of it after the last sample went out | cores at work before | cores at "
          "work in all | work lost | pieces given again | CPU of the simulation, a sample | peak memory |")  # fmt: skip
    print("|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for nodes in parser.parse_args().nodes:
        for language in MEAN_S:
            print(_row(nodes, language, Simulation(nodes, language).run()), flush=True)


def _row(nodes: int, language: str, figures: Figures) -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = (
        f"{nodes:,}", f"{nodes * SAMPLES_PER_NODE:,}", language, f"{figures.seconds:.1f} s", f"{figures.tail_s:.1f} s",
        f"{figures.used_before:.0%}", f"{figures.used:.0%}", f"{figures.lost:.2%}", f"{figures.given_again:,}",
        f"{figures.dispatch_us:.0f} µs", f"{peak:,.0f} MB",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
