"""What a plan will need, computed before anything starts, from the model's config and the settings alone."""

from haloforge.estimates.memory import (
    Device,
    Need,
    Span,
    caution,
    check_fits,
    highest,
    peak_line,
    sampling_need,
    training_need,
)
from haloforge.estimates.shape import ModelShape, shape_of

__all__ = [
    "Device",
    "ModelShape",
    "Need",
    "Span",
    "caution",
    "check_fits",
    "highest",
    "peak_line",
    "sampling_need",
    "shape_of",
    "training_need",
]
