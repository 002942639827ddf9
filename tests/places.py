"""Where things are, for tests that read the project itself, and how much of the long tests is asked for."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent

WHOLE = "HALO_FORGE_WHOLE" in os.environ
"""Whether the longest loops run to their end, as `make test-whole` does; else a stated part of each."""
