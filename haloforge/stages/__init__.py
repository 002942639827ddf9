"""The stages: recipes that read top to bottom. Each is a `run(config, report)`, a `plan(config)` and a check before."""

from collections.abc import Callable
from typing import Any, NamedTuple

from haloforge.errors import ConfigError


def _writes_beside(config: Any) -> None:
    """This stage adds to its output or makes the same again: nothing can be in its way."""


class Stage(NamedTuple):
    """`run` does the work and reports it; `plan` says in lines what it would do, and needs and changes nothing.

    `check_output` raises ConfigError where a new run would find its output taken by another; it takes no time.
    """

    run: Callable[..., Any]
    plan: Callable[..., list[str]]
    check_output: Callable[..., None] = _writes_beside


def load(name: str) -> Stage:
    """The stage of that name, imported only now. Raises ConfigError for an unknown name."""
    if name == "data-prepare":
        import haloforge.stages.data.prepare as data

        return Stage(data.prepare, data.plan)
    if name == "data-generate":
        import haloforge.stages.data.generate as generate

        return Stage(generate.run, generate.plan)
    if name == "sft":
        import haloforge.stages.sft as sft

        return Stage(sft.run, sft.plan, sft.check_output)
    if name == "raft":
        import haloforge.stages.raft as raft

        return Stage(raft.run, raft.plan, raft.check_output)
    if name == "benchmark":
        import haloforge.stages.benchmark as benchmark

        return Stage(benchmark.run, benchmark.plan, benchmark.check_output)
    raise ConfigError(f"there is no stage {name!r}")
