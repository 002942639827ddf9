"""The word and the colours of every status, the same in chips, tables and charts."""

from haloforge.markup.looks import ACCENT as ACCENT
from haloforge.markup.looks import VERDICTS as VERDICTS
from haloforge.markup.looks import Look as Look
from haloforge.markup.looks import chip_css
from haloforge.records import RunStatus

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
    "release": "Release",
}
"""Stage -> its name in the app."""


def css() -> str:
    """The rules that colour `.chip.STATUS`, on light and dark pages."""
    light = [f".chip.{name}{{--ink:{look.light}}}" for name, look in RUNS.items()]
    dark = [f".dark .chip.{name}{{--ink:{look.dark}}}" for name, look in RUNS.items()]
    return "\n".join([chip_css(".dark"), *light, *dark])
