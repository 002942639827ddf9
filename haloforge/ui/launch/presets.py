"""Where a form starts from: settings for a kind of machine, or those of an earlier run.

A preset says how, not what: models, data and outputs that were chosen already stay.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import STAGES
from haloforge.errors import ForgeError
from haloforge.models import EMBEDDED
from haloforge.pipeline import load_pipeline, recipes
from haloforge.records import Run
from haloforge.settings import StageConfig, settings, values
from haloforge.store import Store
from haloforge.ui.fields import FACTS
from haloforge.ui.formatting import title

Flat = Mapping[str, Any]
"""Dotted path -> value, for one stage."""


class Preset(NamedTuple):
    """Settings of each stage for a kind of machine; what a stage does not name is at its default."""

    label: str
    about: str
    stages: Mapping[str, Flat]


def _of_recipe(name: str) -> dict[str, Flat]:
    """What the pipeline of that name (`halo-forge run NAME`) sets, less how its own problems are judged."""
    sections = load_pipeline(recipes()[name], {}).sections
    return {
        stage: {path: value for path, value in _flat(sections[stage]) if not path.startswith("verifier.")}
        for stage in ("sft", "raft", "benchmark")
    }


def _flat(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, tuple(value) if isinstance(value, list) else value


CPU = "cpu"
PRESETS: dict[str, Preset] = {
    CPU: Preset("Laptop CPU", "the embedded model of 135 million parameters, in minutes", _of_recipe("laptop")),
    "gpu24": Preset("One 24 GB GPU", "models of about 1.5 billion parameters", _of_recipe("gpu-24gb")),
    "gpu80": Preset("One 80 GB GPU", "models of about 7 billion parameters", _of_recipe("gpu-80gb")),
}
_MODEL = {"sft": "model.name", "raft": "sft_checkpoint", "benchmark": "model", "data-generate": "model"}
_RUN = "run:"
_MOST_RUNS = 12


def is_what(stage: str, path: str) -> bool:
    """Whether a setting says what a run works on, and not how: a model, data, an output."""
    s = {s.path: s for s in settings(STAGES[stage])}[path]
    return bool(s.kind) or path in ("dataset", "split", "language", "base_url")


def choices(store: Store, stage: str, also: Run | None = None) -> list[tuple[str, str]]:
    """Label and key of each start for a stage: kinds of machine, then its newest runs, `also` among them."""
    machines = [
        (f"{preset.label}{FACTS}{preset.about}", key) for key, preset in PRESETS.items() if stage in preset.stages
    ]
    runs = {run.id: run for run in [*([also] if also else []), *store.runs(stage=stage, limit=_MOST_RUNS)]}
    return [*(machines or [("Defaults", "")]), *((f"As in {title(run)}", key_of(run)) for run in runs.values())]


def key_of(run: Run) -> str:
    """The key of an earlier run's settings."""
    return f"{_RUN}{run.id}"


def run_of(key: str, store: Store) -> Run | None:
    """The run whose settings a key stands for; None for other keys, and where the run is gone."""
    return store.find_run(key.removeprefix(_RUN)) if key.startswith(_RUN) else None


def known(key: str, stage: str, store: Store) -> str:
    """The key itself, or the one that a form begins with where it stands for nothing (any more)."""
    run = run_of(key, store)
    is_known = run.stage == stage if run else stage in PRESETS[key].stages if key in PRESETS else key == start(stage)
    return key if is_known else start(stage)


def start(stage: str) -> str:
    """The key of the preset that a form begins with: the one for this machine."""
    return of_machine() if stage in PRESETS[CPU].stages else ""


def values_of(stage: str, key: str, store: Store) -> dict[str, Any]:
    """Every setting of a stage under a preset, dotted path -> value. Defaults where the key names nothing any more."""
    flat = {s.path: s.default for s in settings(STAGES[stage])}
    if run := run_of(key, store):
        return flat | (of_config(STAGES[stage], run.config) if run.stage == stage else {})
    if key in PRESETS:
        flat |= PRESETS[key].stages.get(stage, {})
    if stage in _MODEL:
        flat[_MODEL[stage]] = EMBEDDED if key in (CPU, "") else None
    return flat | {s.path: None for s in settings(STAGES[stage]) if s.is_output}


def of_config(cls: type[StageConfig], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a stored config, without its output; nothing where another version wrote it."""
    try:
        flat = values(cls.parse(stored))
    except ForgeError:
        return {}
    return flat | {s.path: None for s in settings(cls) if s.is_output}


@cache
def of_machine() -> str:
    """The key of the preset for this machine, by the memory of its largest GPU."""
    gib = _gpu_gib()
    if gib < 20:
        return CPU
    return "gpu80" if gib >= 70 else "gpu24"


def _gpu_gib() -> float:
    """GiB of the largest GPU's memory, asked of its driver, as torch must not load in the server; 0 without one."""
    found = [int(path.read_text()) / 2**30 for path in Path("/sys/class/drm").glob("card*/device/mem_info_vram_total")]
    if program := shutil.which("nvidia-smi"):
        asked = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        try:
            said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
            found += [float(line) / 1024 for line in said.split()]
        except (OSError, ValueError, subprocess.SubprocessError):
            pass
    return max(found, default=0.0)
