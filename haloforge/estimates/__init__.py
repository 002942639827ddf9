"""What a plan will need, computed before anything starts, from the model's config and the settings alone."""

from haloforge.estimates.memory import Device, Need, check_fits, peak_line, sampling_need, training_need
from haloforge.estimates.shape import ModelShape, shape_of

__all__ = ["Device", "ModelShape", "Need", "check_fits", "peak_line", "sampling_need", "shape_of", "training_need"]
