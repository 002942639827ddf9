"""Every command of the command line, run for real: on a tiny random model, in a folder of its own, one by one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from places import ROOT
from tiny import save_tiny_model
from tools import needs

pytestmark = pytest.mark.slow

Forge = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a tiny model and the recipes, as a person would have them."""
    project = tmp_path_factory.mktemp("commands")
    shutil.copytree(ROOT / "configs", project / "configs")
    save_tiny_model(project / "tiny")
    (project / "data").mkdir()
    (project / "data" / "prompts.txt").write_text("Write a Python function that adds two numbers.\nSort a list.\n")
    rows = [
        {"task_id": f"cpp/{i}", "prompt": f"Write a C++ program that prints {i}.", "language": "cpp",
         "tests": {"kind": "stdio", "cases": [{"input": "", "output": f"{i}\n"}]},
         "solution": f"#include <iostream>\nint main() {{ std::cout << {i} << std::endl; }}\n"}
        for i in range(4)
    ]  # fmt: skip
    (project / "data" / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = [{"task_id": row["task_id"], "solution": row["solution"]} for row in rows]
    samples += [{"task_id": "cpp/1", "solution": "int main() {}"}, {"task_id": "cpp/2", "completion": "int main( {"}]
    (project / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    return project


@pytest.fixture
def forge(folder: Path) -> Forge:
    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "haloforge.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env=os.environ | {"HALOFORGE_RUNS": str(folder / "runs"), "HF_HUB_OFFLINE": "1"},
            timeout=580,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    return run


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_data_prepare_a_bundled_set(forge: Forge, folder: Path) -> None:
    forge("data", "prepare", "--dataset", "starter-easy", "--output", "data/train.jsonl", "--limit", "8")
    assert len(rows(folder / "data" / "train.jsonl")) == 8
    assert json.loads((folder / "data" / "train.manifest.json").read_text())["rows_out"] == 8


def test_data_prepare_lists_its_datasets(forge: Forge) -> None:
    assert "codeforces_cpp" in forge("data", "prepare", "--list")


@pytest.mark.parametrize("dataset", ["codeforces_cpp", "mbpp", "humaneval"])
def test_data_prepare_plans_what_comes_from_the_hub(dataset: str, forge: Forge) -> None:
    assert dataset in forge("data", "prepare", "--dataset", dataset, "--output", "data/hub.jsonl", "--dry-run")


def test_data_prepare_reads_original_files(forge: Forge, folder: Path, shared_data: Path) -> None:
    original = str(shared_data / "humaneval" / "HumanEval.jsonl.gz")
    forge("data", "prepare", "--dataset", "humaneval", "--from", original, "--output", "data/humaneval.jsonl")
    assert len(rows(folder / "data" / "humaneval.jsonl")) == 164


def test_data_generate_with_a_local_model(forge: Forge, folder: Path) -> None:
    arguments = ("--backend", "local", "--model", "tiny", "--max-new-tokens", "16", "--output", "data/generated.jsonl")
    forge("data", "generate", "--prompts", "data/prompts.txt", *arguments)
    assert len(rows(folder / "data" / "generated.jsonl")) == 2


@pytest.mark.parametrize("backend", ["ollama", "anthropic", "openai"])
def test_data_generate_plans_what_a_server_would_do(backend: str, forge: Forge) -> None:
    arguments = ("--backend", backend, "--model", "NAME", "--output", "data/other.jsonl", "--dry-run")
    assert "2 prompts" in forge("data", "generate", "--prompts", "data/prompts.txt", *arguments)


def test_data_validate(forge: Forge) -> None:
    needs("g++")
    assert "solutions that pass their own tests: 4 of 4" in forge("data", "validate", "data/prompts.jsonl")


def test_the_word_for_word_recipes_plan_with_a_model_of_the_hub(forge: Forge) -> None:
    prepared = ("--dataset", "starter-easy", "--output", "data/train.jsonl", "--limit", "8", "--overwrite")
    forge("data", "prepare", *prepared)
    assert "Qwen/Qwen2.5-Coder-7B" in forge("sft", "train", "--config", "configs/sft.yaml", "--dry-run")


def test_the_pipeline_word_for_word(forge: Forge, folder: Path) -> None:
    """sft train, raft train, benchmark run, compare, models merge and export: each feeds the next.

    The second result is a copy: the README's commands compare two real ones.
    """
    needs("g++")
    forge("sft", "train", "--data", "data/prompts.jsonl", "--output", "models/sft", "--model", "tiny", "--epochs", "3")
    assert (folder / "models" / "sft" / "final_model" / "adapter_model.safetensors").exists()
    short = ("--max-new-tokens", "24")
    forge("raft", "train", "--config", "configs/raft.yaml", "--cycles", "1", *short)
    forge("raft", "train", "--checkpoint", "models/sft/final_model", "--prompts", "data/prompts.jsonl",
          "--verifier", "gcc", "--cycles", "1", "--output", "models/other", *short)  # fmt: skip
    forge("benchmark", "run", "--model", "models/sft", "--prompts", "data/prompts.jsonl", "--verifier", "gcc",
          "--samples", "20", "--output", "results/a.json", "--k", "1,5,10", *short)  # fmt: skip
    result = json.loads((folder / "results" / "a.json").read_text())
    shutil.copy(folder / "results" / "a.json", folder / "results" / "b.json")
    assert set(result["pass_at_k"]) == {"1", "5", "10"}
    assert "no detectable change" in forge("benchmark", "compare", "results/a.json", "results/b.json")
    forge("models", "merge", "--model", "models/sft", "--output", "merged")
    forge("models", "export", "--model", "models/sft", "--output", "exported", "--dtype", "bfloat16")
    assert (folder / "merged" / "model.safetensors").exists() and (folder / "exported" / "model.safetensors").exists()
    assert "models/sft/final_model" in forge("models", "list")
    listed = json.loads(forge("runs", "list", "--json"))
    assert {"sft", "raft", "benchmark"} <= {run["stage"] for run in listed}


def test_verify_writes_the_input_rows_with_their_verdicts(forge: Forge, folder: Path) -> None:
    needs("g++")
    forge("verify", "--problems", "data/prompts.jsonl", "--samples", "samples.jsonl", "--output", "v.jsonl",
          "--verifier", "gcc", "--workers", "2")  # fmt: skip
    verdicts = rows(folder / "v.jsonl")
    assert [row["status"] for row in verdicts] == ["passed"] * 4 + ["wrong_answer", "compile_error"]
    assert [row["reward"] for row in verdicts] == [1.0] * 4 + [0.7, 0.0]
    assert verdicts[0]["result"] == "passed" and verdicts[0]["solution"]


def test_generate_one_answer(forge: Forge) -> None:
    printed = forge("generate", "--model", "tiny", "--prompt", "Add.", "--max-new-tokens", "8", "--json")
    assert json.loads(printed)["text"]


def test_runs_show_resume_stop_and_delete(forge: Forge, folder: Path) -> None:
    forge("data", "prepare", "--dataset", "starter", "--output", "data/starter.jsonl")
    newest = json.loads(forge("runs", "list", "--json"))[0]["id"]
    assert "data/starter.jsonl" in forge("runs", "show", newest)
    forge("runs", "stop", newest, code=2)
    forge("runs", "resume", newest, code=2)
    forge("runs", "delete", newest)
    assert newest not in forge("runs", "list")
    assert (folder / "data" / "starter.jsonl").exists()


def test_doctor_says_one_line_per_thing(forge: Forge) -> None:
    needs("g++")
    checks = json.loads(forge("doctor", "--json"))
    assert {"python", "torch", "cpu", "gpu", "gcc", "sandbox", "smollm2-135m"} <= {check["name"] for check in checks}
