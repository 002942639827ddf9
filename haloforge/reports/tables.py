"""A comparison as data: the problems as CSV, everything as JSON."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from haloforge import __version__
from haloforge.reports.side_by_side import Side, SideBySide


def to_csv(shown: SideBySide) -> str:
    """A line per problem: samples and passes of each checkpoint, and for each after the first its list and change."""
    others = range(1, len(shown.sides))
    heads = ["task_id"]
    heads += [f"{side.letter}_{name}" for side in shown.sides for name in ("samples", "passed")]
    heads += [f"A_to_{shown.sides[i].letter}_{name}" for i in others for name in ("list", "change")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    for row in shown.rows:
        counts = [n for tally in row.tallies for n in ((tally.scored, tally.passed) if tally else ("", ""))]
        changes = [value for i in others for value in (row.group(i) or "", _number(row.change(i)))]
        writer.writerow([_inert(row.task_id), *counts, *changes])
    return text.getvalue()


def to_json(shown: SideBySide) -> str:
    """Names, scores, curves, comparisons with intervals and p-values, settings that differ, passes per problem."""
    return json.dumps(
        {
            "halo_forge": __version__,
            "score": shown.score,
            "checkpoints": [_side(side) for side in shown.sides],
            "comparison": shown.comparison.to_json(),
            "settings": [difference._asdict() for difference in shown.settings],
            "problems": [
                {"task_id": row.task_id, "passed": [t and t.passed for t in row.tallies],
                 "samples": [t and t.scored for t in row.tallies]}
                for row in shown.rows
            ],
        },
        indent=2,
        ensure_ascii=False,
    )  # fmt: skip


def _side(side: Side) -> dict[str, Any]:
    curve = side.curve
    return {
        "letter": side.letter,
        "name": side.name,
        "strict": side.strict and asdict(side.strict),
        "name_granted": side.granted and asdict(side.granted),
        "curve": [{"k": k, **asdict(e)} for k, e in zip(curve.ks, curve.estimates, strict=True)],
        **{name: side.result.get(name) for name in ("dataset", "protocol", "decoding", "verifier", "environment")},
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _inert(text: str) -> str:
    """A name that a spreadsheet would take for a formula, as text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
