"""What a plan will need, computed before anything starts: memory from the model's config and the settings alone, time
from a measurement of some seconds on this machine."""

from haloforge.estimates.calibration import Adapting, Calibration, cache_file, calibrated, remember
from haloforge.estimates.kept import keep, read_kept
from haloforge.estimates.memory import (
    Device,
    Need,
    Span,
    caution,
    check_fits,
    highest,
    peak_line,
    sampling_need,
    slots_for,
    training_need,
)
from haloforge.estimates.pool import Row
from haloforge.estimates.rates import Rates
from haloforge.estimates.shape import ModelShape, shape_of
from haloforge.estimates.time import (
    LOAD_S_PER_GIB,
    OPEN_S_PER_GIB,
    PhaseTime,
    TrainRow,
    duration,
    sampling_seconds,
    scoring_seconds,
    spread,
    time_text,
    training_seconds,
    verified_seconds,
)

__all__ = [
    "LOAD_S_PER_GIB",
    "OPEN_S_PER_GIB",
    "Adapting",
    "Calibration",
    "Device",
    "ModelShape",
    "Need",
    "PhaseTime",
    "Rates",
    "Row",
    "Span",
    "TrainRow",
    "cache_file",
    "calibrated",
    "caution",
    "check_fits",
    "duration",
    "highest",
    "keep",
    "peak_line",
    "read_kept",
    "remember",
    "sampling_need",
    "sampling_seconds",
    "scoring_seconds",
    "shape_of",
    "slots_for",
    "spread",
    "time_text",
    "training_need",
    "training_seconds",
    "verified_seconds",
]
