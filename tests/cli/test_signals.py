"""A command that follows its run to the end also ends it: on Ctrl-C, and on what `kill`, Docker and systemd send."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from servers import slow_openai

from haloforge.children import own_environment, python_module
from haloforge.store import Store


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signal_stops_the_run_with_everything_saved(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "prompts.txt").write_text("".join(f"Write function number {i}.\n" for i in range(100)))
    out = tmp_path / "out.jsonl"
    with slow_openai(delay_s=0.1) as url:
        words = ["data", "generate", "--prompts", "prompts.txt", "--backend", "openai", "--base-url", url]
        words += ["--model", "m", "--concurrency", "1", "--output", out.name]
        command = subprocess.Popen(
            [*python_module("haloforge.cli"), *words],
            cwd=tmp_path,
            env=own_environment() | {"HALOFORGE_RUNS": str(tmp_path / "runs")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while not (out.exists() and len(out.read_text().splitlines()) >= 2):
            assert command.poll() is None
            time.sleep(0.05)
        command.send_signal(number)
        _, printed = command.communicate(timeout=60)
    assert command.returncode == 130, printed
    with Store(tmp_path / "runs") as store:
        (run,) = store.runs()
    assert run.status == "stopped"
    assert 2 <= len(out.read_text().splitlines()) < 100
