"""Benchmarks: run one, write its result, compare results."""

from haloforge.stages.benchmark.compare import compare
from haloforge.stages.benchmark.run import check_output, dry_run, run

__all__ = ["check_output", "compare", "dry_run", "run"]
