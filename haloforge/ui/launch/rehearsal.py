"""A whole pipeline planned before any of its files is there: the package's data is prepared apart and thrown away."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from haloforge import stages
from haloforge.config import PrepareConfig, RaftConfig, SftConfig
from haloforge.models import FINAL_MODEL
from haloforge.problems import SOURCES
from haloforge.settings import StageConfig, values
from haloforge.stages.data.prepare import run as prepare
from haloforge.store import Report, Store

UNKNOWN_YET = "told once its data is here"


def times(chain: Sequence[StageConfig], *, measures: bool) -> list[str]:
    """How long each run takes, by its dry run; empty for preparing data. Raises ForgeError for what would stop one.

    A model that an earlier run of the chain will make is taken to be as fast as the one that it is made from.
    """
    with TemporaryDirectory() as folder:
        stands_for: dict[str, str] = {}
        return [_time(config, Path(folder, str(place)), stands_for, measures) for place, config in enumerate(chain)]


def _time(config: StageConfig, folder: Path, stands_for: dict[str, str], measures: bool) -> str:
    stages.load(config.stage).check_output(config)
    if isinstance(config, PrepareConfig):
        stands_for[config.output] = _prepared(config, folder) if SOURCES[config.dataset].is_bundled else ""
        return ""
    moved = _moved(config, stands_for)
    if "" in moved.values():  # of a file that is not prepared here
        return UNKNOWN_YET
    apart = config.changed(moved)
    lines = stages.plan(apart, measures=measures)
    if isinstance(apart, SftConfig):
        stands_for[str(Path(config.output_path or "", FINAL_MODEL))] = apart.model.name
    if isinstance(apart, RaftConfig):
        stands_for[str(config.output_path)] = apart.sft_checkpoint
    said = [line.removeprefix("time").strip() for line in lines if line.startswith("time")]
    return said[0].partition(" (")[0].partition(";")[0] if said else ""


def _moved(config: StageConfig, stands_for: Mapping[str, str]) -> dict[str, Any]:
    current = values(config)
    return {
        path: stands_for[value] for path, value in current.items() if isinstance(value, str) and value in stands_for
    }


def _prepared(config: PrepareConfig, folder: Path) -> str:
    """The file, written into the folder."""
    output = folder / "rows.jsonl"
    with Store(folder / "runs") as store:
        run = store.create_run(config.stage, config.to_json())
        prepare(config.changed({"output": str(output), "check_solutions": False}), Report(store, run.id))
    return str(output)
