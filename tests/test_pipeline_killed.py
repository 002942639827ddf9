"""`run FILE`, killed in SFT, in RAFT and in the export, ends with the files of a run never killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import write_problems

from haloforge.store import Store

PIPELINE = """
model: {model}
output_dir: out
sft:
  data: {{train_file: problems.jsonl}}
  lora: {{r: 4}}
  training: {{num_train_epochs: 4, per_device_train_batch_size: 2, gradient_accumulation_steps: 1}}
raft:
  prompts: problems.jsonl
  raft: {{num_cycles: 1, samples_per_prompt: 6, keep_top_percent: 1.0, patience: 0}}
  generation: {{max_new_tokens: 40, temperature: 1.0, batch_size: 2}}
  lora: {{r: 4}}
  training: {{batch_size: 4, gradient_accumulation_steps: 1}}
  verifier: {{workers: 1}}
export: {{format: gguf, type: q8_0, card: false}}
"""


def prepared(folder: Path, model: Path) -> Path:
    """A folder with the pipeline and its problems."""
    folder.mkdir()
    write_problems(folder / "problems.jsonl")
    (folder / "pipeline.yaml").write_text(PIPELINE.format(model=model))
    return folder


def started(folder: Path) -> "subprocess.Popen[bytes]":
    """The same command every time; what it says is in the file `said`."""
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "haloforge.cli", "run", "pipeline.yaml"],
            cwd=folder,
            env=os.environ | {"HALOFORGE_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def killed_in(folder: Path, step: str, is_there: Callable[[Store, str], bool]) -> str:
    """Start the command and end it and its worker at that place; returns its run. Fails where it came late."""
    process = started(folder)
    with Store(folder / "runs") as store:
        while (run := run_of(folder, step)) is None or not is_there(store, run):
            assert process.poll() is None, (folder / "said").read_text()
            time.sleep(0.01)
        worker = store.run(run).pid
        assert worker
        os.kill(process.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        process.wait()
        assert store.run(run).status == "running", f"{step} was over before it was killed"
    return run


def run_of(folder: Path, step: str) -> str | None:
    record = folder / "out" / "pipeline.json"
    steps = json.loads(record.read_text()) if record.is_file() else {}
    return steps[step]["run"] if step in steps else None


def is_training(store: Store, run: str) -> bool:
    return store.last_event(run, "metric") is not None


def is_sampling(store: Store, run: str) -> bool:
    return store.count_samples(run) > 0


def is_running(store: Store, run: str) -> bool:
    return store.run(run).status == "running" and store.run(run).pid is not None


def outcome(folder: Path) -> dict[str, bytes]:
    """Weights of every stage, and the file for others."""
    out = folder / "out"
    files = [*out.glob("sft/final_model/*.safetensors"), *out.glob("raft/cycle_*/final_model/*.safetensors")]
    files += out.glob("release/model/*.gguf")
    assert len(files) == 3
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_the_same_command_after_three_kills_ends_with_the_same_files(tmp_path: Path, taught: Path) -> None:
    whole, broken = prepared(tmp_path / "whole", taught), prepared(tmp_path / "broken", taught)
    assert started(whole).wait() == 0, (whole / "said").read_text()
    victims = [
        killed_in(broken, "sft", is_training),
        killed_in(broken, "raft", is_sampling),
        killed_in(broken, "export", is_running),
    ]
    assert started(broken).wait() == 0, (broken / "said").read_text()
    assert (broken / "said").read_text().count("done before") == 2
    assert [run_of(broken, step) for step in ("sft", "raft", "export")] == victims
    assert outcome(broken) == outcome(whole)
