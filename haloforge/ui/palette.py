"""The word and the colours of every status, the same in chips, tables and charts."""

from typing import NamedTuple

from haloforge.records import RunStatus, Status


class Look(NamedTuple):
    """The word of a status, and its colour on a light page, on a dark page, and in charts on both."""

    word: str
    light: str
    dark: str
    chart: str


ACCENT = "#c2410c"
"""The one accent colour, called ember. White text on it has a contrast of 5.2."""

VERDICTS: dict[Status, Look] = {
    "passed": Look("passed", "#166534", "#4ade80", "#22a35a"),
    "wrong_answer": Look("wrong answer", "#92400e", "#fbbf24", "#d99a26"),
    "runtime_error": Look("runtime error", "#be123c", "#fb7185", "#e0506f"),
    "compile_error": Look("compile error", "#6d28d9", "#c4b5fd", "#8b6be0"),
    "timeout": Look("timeout", "#1d4ed8", "#93c5fd", "#4f86e8"),
    "memory_limit": Look("memory limit", "#0e7490", "#67e8f9", "#2aa5bf"),
    "output_limit": Look("output limit", "#3f6212", "#bef264", "#8fae35"),
    "violation": Look("violation", "#a21caf", "#f0abfc", "#c450d4"),
    "exited_early": Look("exited early", "#9d174d", "#f9a8d4", "#d9679f"),
    "no_code": Look("no program", "#475569", "#cbd5e1", "#7c8aa0"),
    "unscored": Look("unscored", "#57657a", "#94a3b8", "#b4bfcc"),
}

RUNS: dict[RunStatus, Look] = {
    "queued": Look("queued", "#475569", "#cbd5e1", "#7c8aa0"),
    "running": Look("running", "#b23a0a", "#fb923c", "#ea6a2a"),
    "done": Look("done", "#166534", "#4ade80", "#22a35a"),
    "failed": Look("failed", "#be123c", "#fb7185", "#e0506f"),
    "stopped": Look("stopped", "#1e293b", "#e2e8f0", "#64748b"),
    "interrupted": Look("interrupted", "#92400e", "#fbbf24", "#d99a26"),
}

STAGES = {
    "data-prepare": "Prepare data",
    "data-generate": "Generate data",
    "sft": "SFT",
    "raft": "RAFT",
    "benchmark": "Benchmark",
}
"""Stage -> its name in the app."""


def css() -> str:
    """The rules that colour `.chip.STATUS`, on light and dark pages."""
    looks = [*VERDICTS.items(), *RUNS.items()]
    light = [f".chip.{name}{{--ink:{look.light}}}" for name, look in looks]
    dark = [f".dark .chip.{name}{{--ink:{look.dark}}}" for name, look in looks]
    return "\n".join([*light, *dark])
