"""Benchmarks: run one, write its result, compare results."""

from haloforge.stages.benchmark.compare import compare
from haloforge.stages.benchmark.dry_run import check_output, plan
from haloforge.stages.benchmark.run import run

__all__ = ["check_output", "compare", "plan", "run"]
