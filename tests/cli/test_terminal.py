"""Nothing that a model, a program or a file says can do anything to the terminal it is shown on."""

import io
import json
import os
import subprocess
import sys

import pytest
from tiny import save_tiny_model

from haloforge.cli.terminal import Lines, harmless
from haloforge.records import Event

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \r\x9b31m ‮evil \ud800"


def test_controls_are_shown_and_text_stays():
    assert harmless("größer\n\t→ 漢字 🙂") == "größer\n\t→ 漢字 🙂"
    assert harmless(HOSTILE) == "\\x1b[2J\\x1b]0;owned\\x07 \\x0d\\x9b31m \\u202eevil \\ud800"


@pytest.mark.parametrize(
    ("kind", "data"),
    [("log", {"text": HOSTILE}), ("error", {"message": HOSTILE}), ("artifact", {"name": "a", "path": HOSTILE})],
)
def test_events_are_shown_so(kind, data):
    out = io.StringIO()
    Lines(out).show(Event(1, "r", 0.0, kind, data))
    assert harmless(out.getvalue()) == out.getvalue()


def halo_forge(tmp_path, *arguments):
    command = [sys.executable, "-m", "haloforge.cli", *arguments]
    environment = os.environ | {"HALOFORGE_RUNS": str(tmp_path / "runs")}
    ran = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, timeout=300, check=False)
    printed = (ran.stdout + ran.stderr).decode()
    assert "Traceback" not in printed
    return printed


def test_a_file_cannot_speak_to_the_terminal(tmp_path):
    row = {"task_id": "\x1b[2J", "prompt": "f", "tests": {"kind": "asserts", "code": ["assert f() == 1"]}}
    bad = row | {"solution": "def f(): raise ValueError('\x1b[2J \\x1b[2J')"}
    (tmp_path / "p.jsonl").write_text(json.dumps(bad) + "\n" + json.dumps(bad) + "\n")
    for arguments in (["data", "validate", "p.jsonl"], ["data", "validate", "\x1b[2J.jsonl"]):
        assert "\x1b" not in halo_forge(tmp_path, *arguments)


def test_a_model_cannot_speak_to_the_terminal(tmp_path):
    save_tiny_model(tmp_path / "model")
    arguments = ["--model", "model", "--prompt", "x", "--max-new-tokens", "200", "--temperature", "2", "--verify"]
    printed = halo_forge(tmp_path, "generate", *arguments)
    assert harmless(printed) == printed and "-- " in printed
