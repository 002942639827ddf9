"""The benchmark for GPUs: one sentence without one, and the whole script on toy shapes on a CPU."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from places import ROOT


def run_benchmark(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    ran = run_benchmark(folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"no CUDA GPU is found here; .*\n", ran.stderr)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_toy_shapes_every_stage_runs_and_every_check_holds(tmp_path: Path) -> None:
    ran = run_benchmark("--device", "cpu", "--tiny", folder=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = {line[6:32].strip() for line in ran.stdout.splitlines()}
    assert rows >= {"sampling here", "SFT", "RAFT cycle 1, train", "RAFT cycle 1, evaluate", "benchmark, sample"}
    assert ran.stdout.count(": yes") == 3
