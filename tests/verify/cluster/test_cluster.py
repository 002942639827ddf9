"""Two real Ray nodes on this machine judge as this machine does. The tests share them, in this order."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from places import ROOT
from processes import sandboxes
from ray_nodes import RayNodes, two_nodes
from stored_samples import ids_of
from worlds import raft_config, run_raft

from haloforge.config import RaftConfig
from haloforge.records import Problem, Tests, Verdict
from haloforge.store import Store
from haloforge.verify import VerifySettings, cluster_nodes, isolation, open_verifier

pytest.importorskip("ray")

NUMBERS = [Problem(f"n/{i}", "x", tests=Tests("asserts", code=(f"assert f(2) == {i}",))) for i in range(20)]
CPP = Problem("sum", "x", language="cpp", tests=Tests.from_json(
    {"kind": "stdio", "cases": [{"input": "1 2", "output": "3"}]}
))  # fmt: skip
SUM = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
ANSWERS = ("def f(x): return {i}", "def f(x): return x + {i}", "def f(x): raise ValueError(x)", "def f(x) return {i}",
           "import os\nos._exit(0)", "", "def f(x):\n    while True: pass")  # fmt: skip


def samples(count: int, salt: str) -> list[tuple[Problem, str]]:
    """Every way to end; a program that runs out of time once in a hundred."""
    found = []
    for number in range(count):
        way = number % 100 if number % 100 < 7 else number % 6
        found.append((NUMBERS[number % 20], ANSWERS[way].format(i=number % 20) + f"\n# {salt} {number}"))
    return found


def facts_of(verdicts: Sequence[Verdict]) -> list[tuple[object, ...]]:
    return [(v.status, v.reward, v.detail, v.tests, v.isolation, v.forgeable) for v in verdicts]


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    with two_nodes() as started:
        yield started


def settings(cluster: str | None = None) -> VerifySettings:
    return VerifySettings(time_limit_s=1.0, cluster=cluster)


def here(items: Sequence[tuple[Problem, str]]) -> list[tuple[object, ...]]:
    with open_verifier(settings()) as verifier:
        return facts_of(list(verifier.verify_many(items)))


def test_verdicts_are_those_of_this_machine(nodes: RayNodes, tmp_path: Path) -> None:
    items = samples(200, "equal") + ([(CPP, SUM), (CPP, SUM + "//")] if shutil.which("g++") else [])
    with open_verifier(settings(nodes.address), tmp_path / "cache.db") as verifier:
        verifier.check([problem for problem, _ in items])
        far = facts_of(list(verifier.verify_many(items)))
    with open_verifier(settings(), tmp_path / "cache.db") as verifier:  # the same keys: nothing is judged again
        before = sandboxes()
        assert facts_of(list(verifier.verify_many(items))) == far
        assert sandboxes() <= before
    assert here(items) == far


def test_isolation_is_shown_per_node(nodes: RayNodes) -> None:
    found, roll = cluster_nodes(nodes.address)
    assert [facts.isolation for facts in found] == [isolation().name] * 2
    assert "127.0.0.2" in roll.languages
    assert len(roll.languages) == 2


def doctor(nodes: RayNodes, folder: Path) -> list[str]:
    """What `halo-forge doctor` prints of the cluster when it is called in that folder."""
    words = [sys.executable, "-P", "-m", "haloforge.cli", "doctor", "--cluster", nodes.address]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True).stdout.splitlines()


def test_doctor_prints_a_row_per_node_and_runs_nothing_of_the_folder_it_is_called_in(
    nodes: RayNodes, tmp_path: Path
) -> None:
    (tmp_path / "haloforge.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    rows = doctor(nodes, tmp_path)
    assert "ok  node 127.0.0.2" in rows[0]
    assert len(rows) == 2
    assert all(f"sandbox {isolation().name}, 1 cores" in row for row in rows)
    assert not (tmp_path / "ran").exists()


def test_why_our_engine_does_not_start_on_a_node_is_said(nodes: RayNodes, tmp_path: Path) -> None:
    (tmp_path / "haloforge.py").write_text("raise ImportError('an old copy')")
    nodes.start("127.0.0.4", min(os.sched_getaffinity(0)), {"PYTHONPATH": str(tmp_path)})
    rows = doctor(nodes, tmp_path)
    nodes.kill("127.0.0.4")
    assert any("127.0.0.4" in row and "does not start there (ImportError: an old copy)" in row for row in rows)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ to be without")
def test_a_node_that_joins_takes_work_and_its_missing_compiler_is_named(
    nodes: RayNodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for program in [p for folder in os.get_exec_path() if os.path.isdir(folder) for p in Path(folder).iterdir()]:
        if "++" not in program.name and not os.path.lexists(tmp_path / program.name):  # some are links to nothing
            (tmp_path / program.name).symlink_to(program)
    with open_verifier(settings(nodes.address)) as verifier:
        first = verifier.verify(CPP, SUM)
        nodes.start("127.0.0.3", min(os.sched_getaffinity(0)), {"PATH": str(tmp_path)})
        until = time.monotonic() + 60
        while "127.0.0.3" not in caplog.text and time.monotonic() < until:
            verifier.verify(*samples(1, str(time.monotonic()))[0])
    nodes.kill("127.0.0.3")
    assert first.passed
    assert "node 127.0.0.3 judges in part: no cpp: not installed" in caplog.text


def test_a_run_that_is_killed_goes_on_without_the_cluster(nodes: RayNodes, tmp_path: Path) -> None:
    cache = tmp_path / "cache.db"
    paths = [str(Path(__file__).parents[up]) for up in range(3)]
    script = f"""
import sys
sys.path[:0] = {paths!r}
from test_cluster import *
with open_verifier(settings({nodes.address!r}), Path({str(cache)!r})) as verifier:
    for verdict in verifier.verify_many(samples(100, "interrupted")):
        print(verdict.status, flush=True)
"""
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    before = [run.stdout.readline().strip() for _ in range(30)]
    run.kill()
    run.wait()
    items = samples(100, "interrupted")
    with open_verifier(settings(), cache) as verifier:
        after = list(verifier.verify_many(items))
    assert [verdict.status for verdict in after[:30]] == before
    assert facts_of(after) == here(items)
    until = time.monotonic() + 15
    while engines(nodes) and time.monotonic() < until:
        time.sleep(0.2)
    assert not engines(nodes)


@pytest.mark.slow
def test_a_raft_that_is_killed_ends_with_the_same_selection_on_the_cluster_and_here(
    nodes: RayNodes, taught: Path, tmp_path: Path
) -> None:
    work, left = tmp_path / "work", tmp_path / "left by the kill"
    work.mkdir()
    on_cluster = {"raft.num_cycles": 1, "generation.save_every": 3, "verifier.cluster": nodes.address}
    with Store(work / "runs") as store:
        run_id = store.create_run("raft", {}).id
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import worlds
class Doomed(worlds.Store):
    def save_verdicts(self, verdicts):
        for verdict in verdicts:
            super().save_verdicts([verdict])
            if self.count_samples({run_id!r}, cycle=1, purpose="train", verified=True) == 6:
                os.kill(os.getpid(), signal.SIGKILL)
worlds.Store = Doomed
config = worlds.raft_config(worlds.Path({str(taught)!r}), worlds.Path({str(work)!r}), **{on_cluster!r})
worlds.run_raft(config, worlds.Path({str(work / "runs")!r}), {run_id!r})
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    with Store(work / "runs") as store:
        assert len(list(store.verdicts(run_id, cycle=1, purpose="train"))) == 6
    shutil.copytree(work, left)
    far = selection(work, run_id, raft_config(taught, work, **on_cluster))
    shutil.rmtree(work)
    left.rename(work)
    assert selection(work, run_id, raft_config(taught, work, **on_cluster | {"verifier.cluster": None})) == far
    assert {kept for *_, kept, _ in far} == {True, False}


def selection(work: Path, run_id: str, config: RaftConfig) -> list[tuple[object, ...]]:
    """What the run, when it has gone on to its end, chose of what it sampled in its cycle."""
    run_raft(config, work / "runs", run_id)
    with Store(work / "runs") as store:
        samples = store.samples(run_id, cycle=1, purpose="train")
        ids = ids_of(store, samples)
    assert len(samples) >= 30 and all(s.verdict and s.verdict.status != "unscored" for s in samples)
    chosen = zip(samples, ids, strict=True)
    return [(s.sample.task_id, s.sample.index, tokens, s.kept, s.reason) for s, tokens in chosen]


def engines(nodes: RayNodes) -> list[str]:
    """Our processes on the nodes."""
    below = [child for node in nodes.nodes.values() for child in psutil.Process(node.pid).children(recursive=True)]
    return [name for child in below if "ray::NodeEngine" in (name := " ".join(child.cmdline()))]


def test_a_node_that_is_killed_half_way_loses_nothing(nodes: RayNodes, capfd: pytest.CaptureFixture[str]) -> None:
    items, before = samples(200, "killed"), sandboxes()  # other tests of this process may have some
    far = []
    with open_verifier(settings(nodes.address)) as verifier:
        for verdict in verifier.verify_many(items):
            far.append(verdict)
            if len(far) == 40:
                nodes.kill("127.0.0.2")
    assert facts_of(far) == here(items)
    assert capfd.readouterr().out == ""  # Ray would print to it
    until = time.monotonic() + 10
    while not sandboxes() <= before and time.monotonic() < until:
        time.sleep(0.2)
    assert sandboxes() <= before
