"""Limits of the public demo on Hugging Face Spaces: it shows runs and tries the embedded model, and changes nothing."""

import os
from typing import NamedTuple

from haloforge.config import AppConfig
from haloforge.models import EMBEDDED


class Caps(NamedTuple):
    """What one visitor may ask of the Playground."""

    models: tuple[str, ...] | None
    """None allows every model."""
    max_new_tokens: int
    seconds: float


OWN_MACHINE = Caps(models=None, max_new_tokens=8192, seconds=3600.0)
DEMO = Caps(models=(EMBEDDED,), max_new_tokens=256, seconds=60.0)
REFUSED = "This demo is read-only: install halo-forge to run and change things."
BANNER = "This is a read-only demo: runs can be looked at, and the Playground runs the embedded model within limits."


def is_space() -> bool:
    """True inside a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def caps() -> Caps:
    """The limits on this machine."""
    return DEMO if is_space() else OWN_MACHINE


def address() -> AppConfig:
    """Where to listen: on all addresses in a Space, which has its own proxy; elsewhere on this machine only."""
    return AppConfig(host="0.0.0.0", insecure=True) if is_space() else AppConfig()
