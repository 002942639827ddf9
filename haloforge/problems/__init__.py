"""Problems: where they come from, how their files are read, and how training data is kept clean."""

from haloforge.problems.load import adapted, load_problems, scan_problems
from haloforge.problems.sources import SOURCES, Source

__all__ = ["SOURCES", "Source", "adapted", "load_problems", "scan_problems"]
