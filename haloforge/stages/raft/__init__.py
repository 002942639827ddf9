"""RAFT: sample, verify, keep the best, fine-tune on them, repeat."""

from haloforge.stages.raft.dry_run import check_output, dry_run
from haloforge.stages.raft.run import run

__all__ = ["check_output", "dry_run", "run"]
