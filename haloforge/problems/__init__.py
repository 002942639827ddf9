"""Problems: where they come from, how their files are read, and how training data is kept clean.

Other rooms import from here only. Libraries that take long to import (datasets, pyarrow) load when they are used.
"""

from haloforge.problems.columns import UnusableRow
from haloforge.problems.decontaminate import BenchmarkIndex, bundled_index
from haloforge.problems.filter import ALL_SPLITS, ProblemFilter
from haloforge.problems.formats.codeforces import with_answers
from haloforge.problems.formats.mbpp import EXAMPLE_INTRO, with_example
from haloforge.problems.hub import dataset_rows, newest_revision, solution_rows
from haloforge.problems.load import adapt_rows, load_problems, scan_problems
from haloforge.problems.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
    refuse_benchmark,
    refuse_other_data,
    write_manifest,
)
from haloforge.problems.rows import SkippedRow, TrainingRow, TrainingRows, load_training_rows, training_row
from haloforge.problems.sources import SOURCES, Source
from haloforge.problems.starter import STARTER_SETS, load_starter
from haloforge.problems.tables import TABLE_SUFFIXES, numbered_rows

__all__ = [
    "ALL_SPLITS",
    "EXAMPLE_INTRO",
    "SOURCES",
    "STARTER_SETS",
    "TABLE_SUFFIXES",
    "BenchmarkIndex",
    "Manifest",
    "ProblemFilter",
    "SkippedRow",
    "Source",
    "TrainingRow",
    "TrainingRows",
    "UnusableRow",
    "adapt_rows",
    "bundled_index",
    "dataset_rows",
    "load_problems",
    "load_starter",
    "load_training_rows",
    "manifest_path",
    "newest_revision",
    "numbered_rows",
    "read_manifest",
    "refuse_benchmark",
    "refuse_other_data",
    "scan_problems",
    "solution_rows",
    "training_row",
    "with_answers",
    "with_example",
    "write_manifest",
]
