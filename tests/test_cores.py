"""No more processes than this one is given cores."""

import os
from pathlib import Path

from tools import needs

from haloforge.cores import cores_of, cpu_quota, usable_cores
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier


def test_a_quota_of_a_control_group_is_read_in_both_versions(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cpu_quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path) is None


def test_there_is_at_least_one_core_and_no_more_than_the_affinity_grants() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_workers_have_a_core_each_where_there_is_one_for_everybody() -> None:
    mine = os.sched_getaffinity(0)
    assert set(cores_of(len(mine)) or ()) == mine
    assert cores_of(len(mine) + 1) is None


def test_a_compiler_may_use_every_core_and_the_caller_keeps_its_own() -> None:
    needs("gcc")
    before = os.sched_getaffinity(0)
    code = "#include <sched.h>\n#include <stdio.h>\nint main(void) { cpu_set_t s; sched_getaffinity(0, sizeof s, &s); "
    code += 'printf("%d\\n", CPU_COUNT(&s)); return 0; }'
    tests = Tests("stdio", cases=(Case("", f"{len(before)}\n"),))
    with open_verifier(VerifySettings()) as verifier:
        assert verifier.verify(Problem("c", "", "c", tests), f"#define _GNU_SOURCE\n{code}").passed
    assert os.sched_getaffinity(0) == before
