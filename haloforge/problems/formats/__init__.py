"""The known file formats. The columns of a file's first row tell which format it has."""

from collections.abc import Callable
from typing import NamedTuple

from haloforge.errors import DataError
from haloforge.problems.columns import Row
from haloforge.problems.formats import (
    acecode,
    codealpaca,
    codeforces,
    evalplus,
    humaneval,
    humanevalpack,
    mbpp,
    multipl_e,
    opencoder,
    own,
)
from haloforge.records import Problem


class Format(NamedTuple):
    """A file format: its name, the columns that every row has, and the function that turns a row into a problem."""

    name: str
    columns: frozenset[str]
    adapt: Callable[[Row], Problem]


def _columns(names: str) -> frozenset[str]:
    return frozenset(names.split())


OWN = Format("problems", _columns("prompt"), own.adapt)

FORMATS = (
    OWN,
    Format("HumanEval", _columns("task_id prompt canonical_solution test entry_point"), humaneval.adapt),
    Format(
        "HumanEval+ (native)",
        _columns("task_id prompt canonical_solution test entry_point base_input plus_input"),
        evalplus.adapt_humaneval,
    ),
    Format(
        "HumanEvalPack",
        _columns("task_id prompt canonical_solution test entry_point declaration buggy_solution"),
        humanevalpack.adapt,
    ),
    Format("MBPP", _columns("task_id text code test_list"), mbpp.adapt),
    Format("sanitized MBPP", _columns("task_id prompt code test_list"), mbpp.adapt_sanitized),
    Format("MBPP+", _columns("task_id prompt code test_list test"), evalplus.adapt_mbpp),
    Format(
        "MBPP+ (native)",
        _columns("task_id prompt canonical_solution entry_point assertion plus_input"),
        evalplus.adapt_mbpp_native,
    ),
    Format("MultiPL-E", _columns("name language prompt tests stop_tokens"), multipl_e.adapt),
    Format("Codeforces", _columns("id title description official_tests"), codeforces.adapt),
    Format("Codeforces sample", _columns("prompt response title difficulty"), codeforces.adapt_sample),
    Format("OpenCoder", _columns("instruction output code testcase"), opencoder.adapt),
    Format("AceCode", _columns("id question test_cases"), acecode.adapt),
    Format("CodeAlpaca", _columns("instruction output"), codealpaca.adapt),
)


def detect_format(row: Row) -> Format:
    """The format whose columns are all in the row, the one with most columns. Raises DataError where none fits."""
    if isinstance(row.get("tests"), dict):
        return OWN
    matching = [format for format in FORMATS if format.columns <= row.keys()]
    if not matching:
        columns = ", ".join(map(repr, list(row)[:6])) or "none"
        raise DataError(
            f'the columns are {columns}; a problem needs at least "prompt", best with "task_id" and "tests"'
        )
    return max(matching, key=lambda format: len(format.columns))
