"""Names of outputs that nothing has yet: a form whose output is left empty gets one."""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from haloforge.config import output_of
from haloforge.store import Store

_FINAL = "final_model"


def proposed(stage: str, flat: Mapping[str, Any], taken: Iterable[Path] = ()) -> str:
    """A free name for what a stage writes, made of what it reads; relative to the working folder."""
    stem, suffix = _STEMS[stage](flat)
    return free(stem, suffix, set(taken))


def free(stem: str, suffix: str, taken: Collection[Path]) -> str:
    """The first of stem, stem-2, stem-3, ... that is not there and not taken (absolute paths)."""
    for n in count(1):
        name = f"{stem}{'' if n == 1 else f'-{n}'}{suffix}"
        if not Path(name).exists() and Path(name).absolute() not in taken:
            return name
    raise AssertionError("there is always a next number")


def of_waiting_runs(store: Store) -> set[Path]:
    """The outputs that queued and running runs will write, absolute."""
    waiting = [*store.runs(status="queued", limit=200), *store.runs(status="running", limit=20)]
    return {path for run in waiting if (path := output_of(run))}


def short(name: Any) -> str:
    """The part of a model's or a file's name that tells it from others: models/sft-2/final_model -> sft-2."""
    text = name if isinstance(name, str) else ""
    if text.lstrip().startswith("["):  # several files, with weights
        return "mix"
    parts = [part for part in re.split(r"[/\\]", text.partition("@")[0]) if part not in ("", _FINAL, ".")]
    if not parts:
        return ""
    wanted = parts[-2:] if parts[-1].startswith("cycle_") else parts[-1:]
    stem = "-".join(re.sub(r"\.(jsonl(\.gz)?|json|txt)$", "", part) for part in wanted)
    return re.sub(r"[^\w.-]+", "-", stem)[:60].strip("-.")


def _joined(*parts: str) -> str:
    return "-".join(filter(None, parts))


_STEMS: dict[str, Any] = {
    "data-prepare": lambda f: (
        f"data/{_joined(str(f.get('dataset') or 'problems'), short(f.get('split')), short(f.get('language')))}",
        ".jsonl",
    ),
    "data-generate": lambda f: (f"data/{_joined('generated', short(f.get('model')))}", ".jsonl"),
    "sft": lambda f: (f"models/{_joined('sft', short(f.get('data.train_file')))}", ""),
    "raft": lambda f: (f"models/{_joined('raft', short(f.get('prompts')))}", ""),
    "benchmark": lambda f: (
        f"results/{_joined(short(f.get('model')) or 'benchmark', short(f.get('prompts')))}",
        ".json",
    ),
    "release": lambda f: (f"models/{_joined('release', short(f.get('model')))}", ""),
}
"""Stage -> beginning and end of its output's name."""
