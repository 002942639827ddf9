"""The report of `data validate` beside a problem file, and the caution where a run learns from that file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge import __version__
from haloforge.errors import DataError
from haloforge.files import StrPath, read_text, sha256_of, write_text
from haloforge.problems import manifest_path

SCHEMA = "halo-forge/validation/1"
SHOWN_IDS = 5
"""Task ids that a caution names."""


def report_path(data_file: StrPath) -> Path:
    """data/train.jsonl -> data/train.validation.json"""
    path = manifest_path(data_file)
    return path.with_name(path.name.removesuffix(".manifest.json") + ".validation.json")


def write_report(data_file: StrPath, findings: Mapping[str, Any]) -> Path | None:
    """Write what was found beside the file, with the file's hash; None where nothing can be written there."""
    path = report_path(data_file)
    head = {"schema": SCHEMA, "sha256": sha256_of(data_file), "created_by": f"halo-forge {__version__}"}
    try:
        write_text(path, json.dumps(head | dict(findings), indent=2, ensure_ascii=False) + "\n")
    except DataError:
        return None
    return path


def weak_tests_warning(data_file: StrPath) -> str:
    """Which problems of the file have weak tests, in one sentence; empty where there are none or nothing is known."""
    path = report_path(data_file)
    if not path.is_file() or not Path(data_file).is_file():
        return ""
    try:
        report = json.loads(read_text(path))
    except ValueError:
        return f"{path} is not valid JSON, so nothing is known of weak tests; `halo-forge data validate` writes it anew"
    if not isinstance(report, dict) or report.get("sha256") != sha256_of(data_file):
        return (
            f"{path} is about another version of {data_file}; `halo-forge data validate` says how strong its tests are"
        )
    weak = report.get("weak", [])
    if not weak:
        return ""
    named = ", ".join(weak[:SHOWN_IDS]) + (", ..." if len(weak) > SHOWN_IDS else "")
    return (
        f"{len(weak):,} problems of {data_file} have weak tests ({named}), which at least half of the mutants of their "
        f"own solutions pass: a model may learn to pass them by less than a solution ({path} has the details)"
    )
