"""The pipeline. Each stage is a recipe `run(config, report)`, its `dry_run(config)`, and a check of the output."""

from collections.abc import Callable
from typing import Any, NamedTuple

from haloforge.config import StageConfig
from haloforge.errors import ConfigError
from haloforge.files import refuse_unwritable
from haloforge.settings import values
from haloforge.tracking import refuse_missing_tracker


class Stage(NamedTuple):
    """`run` does the work and reports it; `dry_run` returns what it would do, one line each, and changes nothing.

    `dry_run` needs no network and no weights; with `measures=False` it measures nothing and tells no time.
    `check_output` raises ConfigError where another run's output stands in the place of a new one's; it takes no time.
    """

    run: Callable[..., Any]
    dry_run: Callable[..., list[str]]
    check_output: Callable[..., None]


def plan(config: StageConfig, *, measures: bool = True) -> list[str]:
    """What the stage of this config would do, one line each. Raises ForgeError for what would stop it.

    Where nothing is known yet of the machine's speed it is measured, which takes some seconds. Unless this `measures`,
    as for a run that is about to start, no time is told.
    """
    refuse_missing_tracker(values(config).get("report_to", ()))
    if config.output_path is not None:
        refuse_unwritable(config.output_path)
    return load(config.stage).dry_run(config, measures=measures)


def load(name: str) -> Stage:
    """The stage of that name, imported only now. Raises ConfigError for an unknown name."""
    if name == "data-prepare":
        import haloforge.stages.data.prepare as prepare

        return Stage(prepare.run, prepare.dry_run, prepare.check_output)
    if name == "data-generate":
        import haloforge.stages.data.generate as generate

        return Stage(generate.run, generate.dry_run, generate.check_output)
    if name == "sft":
        import haloforge.stages.sft as sft

        return Stage(sft.run, sft.dry_run, sft.check_output)
    if name == "raft":
        import haloforge.stages.raft as raft

        return Stage(raft.run, raft.dry_run, raft.check_output)
    if name == "benchmark":
        import haloforge.stages.benchmark as benchmark

        return Stage(benchmark.run, benchmark.dry_run, benchmark.check_output)
    if name == "release":
        import haloforge.stages.release as release

        return Stage(release.run, release.dry_run, release.check_output)
    raise ConfigError(f"there is no stage {name!r}")
