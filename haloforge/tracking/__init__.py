"""A copy of a run's numbers where people already look: TensorBoard, Trackio, Weights & Biases, MLflow.

SQLite stays the record. A process of its own reads what the run has reported and tells one tracker, so a tracker that
fails or hangs costs the run nothing but one line in its log.
"""

from haloforge.tracking.mirrors import start_mirrors
from haloforge.tracking.trackers import TRACKERS, refuse_missing_tracker

__all__ = ["TRACKERS", "refuse_missing_tracker", "start_mirrors"]
