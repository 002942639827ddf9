"""Every bad input gets one clear sentence and exit code 2 (1 for the machine's fault), never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools import needs

PROBLEM = {"task_id": "a", "prompt": "Write f.", "tests": {"kind": "asserts", "code": ["assert f(1) == 2"]}}
CPP = PROBLEM | {"language": "cpp", "tests": {"kind": "stdio", "cases": [{"input": "1", "output": "2"}]}}


def halo_forge(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "haloforge.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HALOFORGE_RUNS": str(cwd / "runs")} | environment,
        timeout=300,
        check=False,
    )


def write(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def refused(result: subprocess.CompletedProcess[str], *expected: str) -> None:
    """Exit code 2 and exactly one line, with all the expected words."""
    assert result.returncode == 2, result.stderr + result.stdout
    lines = [line for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("halo-forge: ")
    for words in expected:
        assert words in lines[0]


RAFT = ("raft", "train", "--checkpoint", "smollm2-135m", "--output", "out", "--prompts", "p.jsonl")


def test_a_missing_file(tmp_path: Path) -> None:
    refused(halo_forge(*RAFT, cwd=tmp_path), "p.jsonl")


def test_a_torn_problem_file(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps(PROBLEM) + '\n{"task_id": "b", "pro')
    refused(halo_forge(*RAFT, cwd=tmp_path), "p.jsonl", "line 2")


def test_an_unknown_key_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("prompts: p.jsonl\nraft:\n  num_cycle: 2\n")
    result = halo_forge("raft", "train", "--config", "c.yaml", cwd=tmp_path)
    refused(result, "c.yaml", "raft.num_cycle", "did you mean 'raft.num_cycles'")


def test_a_value_of_the_wrong_type(tmp_path: Path) -> None:
    result = halo_forge("sft", "train", "--data", "d", "--model", "m", "--epochs", "many", cwd=tmp_path)
    refused(result, "training.num_train_epochs", "many")


def test_an_unknown_verifier(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    refused(halo_forge(*RAFT, "--verifier", "gccc", cwd=tmp_path), "verifier", "did you mean 'gcc'")


def test_a_compiler_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", CPP)
    (tmp_path / "bin").mkdir()
    result = halo_forge(*RAFT, "--verifier", "gcc", cwd=tmp_path, PATH=str(tmp_path / "bin"))
    refused(result, "g++")


def test_a_verifier_that_does_not_fit_the_language(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    refused(halo_forge(*RAFT, "--verifier", "gcc", cwd=tmp_path), "gcc", "Python")


@pytest.mark.parametrize("model", ["models/nothing/final_model", "./nowhere", "no such model"])
def test_an_unknown_model(model: str, tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    refused(halo_forge("benchmark", "run", "--model", model, "--prompts", "p.jsonl", cwd=tmp_path), model)


def test_a_model_that_only_a_hub_out_of_reach_could_have(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    arguments = ("benchmark", "run", "--model", "nobody/no-such-model-0b", "--prompts", "p.jsonl")
    result = halo_forge(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stdout + result.stderr
    assert "nobody/no-such-model-0b" in next(line for line in result.stdout.splitlines() if line.startswith("error: "))


def test_an_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n\n")
    refused(halo_forge(*RAFT, cwd=tmp_path), "p.jsonl", "holds no problems")


def test_a_k_above_the_number_of_samples(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    arguments = ("benchmark", "run", "--model", "smollm2-135m", "--prompts", "p.jsonl", "--samples", "5", "--k", "1,10")
    refused(halo_forge(*arguments, cwd=tmp_path), "pass@10", "5 samples")


def test_a_language_that_nothing_verifies_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    arguments = ("generate", "--model", "./nowhere", "--prompt", "Add.", "--language", "cobol", "--verify")
    refused(halo_forge(*arguments, cwd=tmp_path), "cobol")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(bytes(range(256)))
    refused(halo_forge(*RAFT, cwd=tmp_path), "p.jsonl")


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    refused(halo_forge("runs", "show", "raft-2020", cwd=tmp_path), "raft-2020", "runs list")


def test_samples_of_an_unknown_problem(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", PROBLEM)
    write(tmp_path / "s.jsonl", {"task_id": "zzz", "solution": "def f(n): return n + 1"})
    arguments = ("verify", "--problems", "p.jsonl", "--samples", "s.jsonl", "--output", "v.jsonl")
    refused(halo_forge(*arguments, cwd=tmp_path), "s.jsonl", "line 1", "zzz")


def test_an_address_without_a_login(tmp_path: Path) -> None:
    refused(halo_forge("app", "--host", "0.0.0.0", cwd=tmp_path), "--auth")


@pytest.fixture
def full_disk(tmp_path: Path) -> Path:
    """A file system of one megabyte with almost nothing left on it."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    needs("mount")
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a tiny file system here")
    yield folder  # type: ignore[misc]
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_the_machines_fault_and_loses_nothing(full_disk: Path, tmp_path: Path) -> None:
    write(full_disk / "kept.jsonl", PROBLEM)
    (full_disk / "filler").write_bytes(bytes(1000 * 1024))
    before = (full_disk / "kept.jsonl").read_text()
    output = ("--output", str(full_disk / "kept.jsonl"), "--overwrite")
    result = halo_forge(
        "data", "prepare", "--dataset", "starter-easy", *output, cwd=tmp_path, HALOFORGE_RUNS=str(tmp_path / "r")
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert "space" in result.stderr + result.stdout
    assert (full_disk / "kept.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--max-new-tokens", "0", "generation.max_new_tokens should be greater than or equal to 1"),
        ("--temperature", "-0.5", "generation.temperature should be greater than or equal to 0"),
        ("--temperature", "nan", "generation.temperature should be"),
        ("--seed", "-1", "seed should be greater than or equal to 0"),
    ],
)
def test_a_sampling_that_cannot_be(flag: str, value: str, expected: str, tmp_path: Path) -> None:
    refused(halo_forge("generate", "--model", "./m", "--prompt", "Add.", f"{flag}={value}", cwd=tmp_path), expected)
