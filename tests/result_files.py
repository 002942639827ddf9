"""Results and the samples behind them, as `benchmark run` writes them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haloforge.stages.benchmark.compare import Result


def result(name: str, passes: Sequence[int], n: int = 4, **changes: Any) -> Result:
    """A result in which problem i has passes[i] of n."""
    return {
        "protocol": "halo",
        "dataset": {"sha256": "abc", "file": "problems.jsonl", "name": "test"},
        "model": {"name": name},
        "decoding": {"samples": n, "temperature": 0.7, "seed": 1234},
        "pass_at_k": {},
        "doubts": [],
        "problems": [{"task_id": f"t/{i}", "family": f"f/{i}", "n": n, "c": c} for i, c in enumerate(passes)],
        "samples_file": f"{name}.samples.jsonl",
    } | changes


def on_disk(folder: Path, name: str, passes: Sequence[int], n: int = 4, **changes: Any) -> Path:
    """The result and its samples as files; sample i of a problem passes while i is below its passes."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result(name, passes, n, **changes)))
    rows = [
        {
            "task_id": f"t/{task}",
            "sample": i,
            "solution": f"def f():\n    # {name} <script>alert(1)</script>\n    return {int(i < c)}",
            "status": "passed" if i < c else "wrong_answer",
            "reward": float(i < c),
            "tests_passed": int(i < c),
            "tests_total": 1,
            "detail": "" if i < c else "assertion",
            "finish_reason": "stop",
        }
        for task, c in enumerate(passes)
        for i in range(n)
    ]
    samples = folder / f"{name}.samples.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
