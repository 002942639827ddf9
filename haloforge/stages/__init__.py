"""The stages: recipes that read top to bottom. Each is a function `run(config, report)` and a `plan(config)`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from haloforge.errors import ConfigError


class Stage(NamedTuple):
    """`run` does the work and reports it; `plan` says in lines what it would do, and needs and changes nothing."""

    run: Callable[..., Any]
    plan: Callable[..., list[str]]


def load(name: str) -> Stage:
    """The stage of that name, imported only now. Raises ConfigError for an unknown name."""
    if name == "data-prepare":
        import haloforge.stages.data as data

        return Stage(data.prepare, data.plan)
    if name == "data-generate":
        import haloforge.stages.generate as generate

        return Stage(generate.run, generate.plan)
    if name == "sft":
        import haloforge.stages.sft as sft

        return Stage(sft.run, sft.plan)
    if name == "raft":
        import haloforge.stages.raft as raft

        return Stage(raft.run, raft.plan)
    if name == "benchmark":
        import haloforge.stages.benchmark as benchmark

        return Stage(benchmark.run, benchmark.plan)
    raise ConfigError(f"there is no stage {name!r}")
