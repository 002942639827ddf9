"""No more processes than this one is given cores."""

import os
from pathlib import Path

from haloforge.verify.settings import cpu_quota, usable_cores


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
