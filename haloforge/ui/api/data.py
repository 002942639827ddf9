"""What there is to train on, and whether a file of it can be trained on."""

from pathlib import Path
from typing import Any

from haloforge.config import ValidateConfig
from haloforge.errors import DataError
from haloforge.problems import SOURCES
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.api.runs import PAGE_ROWS
from haloforge.ui.api.shapes import DataLine, ProblemPage


def list_data(store: Store) -> DataLine:
    """The problem files under data/, and the datasets that `start_run("data-prepare", ...)` can prepare."""
    return {
        "files": inventory.data_files(Path()),
        "sources": [
            {
                "name": source.name,
                "license": source.license,
                "rows": source.rows,
                "languages": list(source.languages),
                "splits": list(source.splits),
                "purposes": list(source.purposes),
                "needs_network": not source.is_bundled,
                "note": source.note,
            }
            for source in SOURCES.values()
        ],
    }


def list_problems(store: Store, file: str, page: int = 0) -> ProblemPage:
    """The problems of a file or a bundled set, 50 a page, with their tests and reference solutions.

    Args:
        file: a problem file of `list_data`, or the name of a bundled set.
        page: which page, from 0.
    """
    problems = inventory.read_problems(file, store.root)
    first = max(0, page) * PAGE_ROWS
    return {
        "total": len(problems),
        "page": max(0, page),
        "page_rows": PAGE_ROWS,
        "problems": [problem.to_json() for problem in problems[first : first + PAGE_ROWS]],
    }


def validate_data(store: Store, file: str) -> dict[str, Any]:
    """Whether a problem file can be trained on: rows that cannot be read, repetitions, lengths, contamination.

    Args:
        file: a problem file of `list_data`.
    """
    if file not in inventory.data_files(Path()):
        raise DataError(f"{file} is not among the data files; list_data has them")
    from haloforge.stages.data.validate import validate

    return validate(Path(file), ValidateConfig(run_solutions=False)).to_json()
