"""The benchmark of the gain from verification: its table, and its message about a run that has no score."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from haloforge.errors import ForgeError
from haloforge.problems import load_starter
from haloforge.records import Sample, Verdict
from haloforge.stages.shared.scores import Tally
from haloforge.store import Store

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "verification_gain.py"
PROBLEMS = load_starter("starter-labels")[:2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verification_gain", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tallies(*passed: int) -> list[Tally]:
    return [Tally(f"t{i}", f"operation {i}", 4, count) for i, count in enumerate(passed)]


def test_the_seeds_together_keep_every_problem_and_count_a_shared_operation_as_one_cluster(script: ModuleType) -> None:
    one = script.Cell(3, 3, tallies(0, 0, 0), tallies(4, 2, 0), tallies(0, 0, 0), tallies(4, 2, 0))
    other = script.Cell(2, 1, tallies(0, 0), tallies(0, 2), tallies(0, 0), tallies(0, 2))
    both = script.pooled({"0": {"RAFT": one}, "1": {"RAFT": other}}, "RAFT")
    assert (both.rows, both.right, script.rate(both.after)) == (5, 4, "0.400")
    assert len({t.task_id for t in both.after}) == 5 and len({t.family for t in both.after}) == 3


def test_the_table_sets_every_arm_against_raft(script: ModuleType) -> None:
    better = script.Cell(3, 3, tallies(*[0] * 20), tallies(*[4] * 20), tallies(*[0] * 20), tallies(*[4] * 20))
    worse = script.Cell(3, 1, tallies(*[0] * 20), tallies(*[0] * 20), tallies(*[0] * 20), tallies(*[0] * 20))
    lines = list(script.table({"0": {"RAFT": better, "unverified": worse}}))
    assert lines[2].startswith("| 0 | RAFT | 3 (3) | 0.000 | 1.000 | +1.000 ")
    assert lines[3].startswith("| 0 | unverified | 3 (1) | 0.000 | 0.000 | +0.000 ")
    assert lines[4].startswith("| 0 | RAFT less unverified |") and lines[4].count("+1.000 ") == 2


def test_a_run_without_scored_samples_is_one_sentence(script: ModuleType, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = store.create_run("raft", {}).id
        store.save_problems(run, PROBLEMS, held_out=True)
        store.save_samples(run, 0, "eval", [Sample(p.task_id, 0, text="", code="") for p in PROBLEMS])
        samples = store.samples(run, cycle=0, purpose="eval")
        store.save_verdicts((judged.id, Verdict("unscored")) for judged in samples)
        with pytest.raises(ForgeError, match=f"none of the 2 held-out samples of run {run}, cycle 0, could be judged"):
            script.cell(store, run)
