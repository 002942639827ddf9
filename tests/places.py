"""Where things are, for tests that read the project itself."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
