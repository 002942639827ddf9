"""A comparison as CSV and as JSON."""

import csv
import json

from result_files import result

from haloforge.reports.side_by_side import SideBySide, side_by_side
from haloforge.reports.tables import to_csv, to_json


def small() -> SideBySide:
    return side_by_side(["x", "y"], [result("x", [0, 4]), result("y", [4, 1])])


def test_csv_has_a_line_per_problem_with_counts_list_and_change() -> None:
    rows = list(csv.DictReader(to_csv(small()).splitlines()))
    assert rows[0] == {
        "task_id": "t/0",
        "A_samples": "4",
        "A_passed": "0",
        "B_samples": "4",
        "B_passed": "4",
        "A_to_B_list": "gained",
        "A_to_B_change": "1.0000",
    }
    assert (rows[1]["A_to_B_list"], rows[1]["A_to_B_change"]) == ("both", "-0.7500")


def test_a_task_id_is_no_formula_in_a_spreadsheet() -> None:
    rows = [{"task_id": "=cmd()", "family": "f", "n": 1, "c": 0}]
    shown = side_by_side(["x", "y"], [result("x", [], problems=rows), result("y", [], problems=rows)])
    assert "\n'=cmd()," in to_csv(shown)


def test_json_holds_scores_curves_claims_and_counts() -> None:
    found = json.loads(to_json(small()))
    assert found["checkpoints"][0]["curve"][0]["k"] == 1 and found["checkpoints"][1]["name"] == "y"
    assert found["comparison"]["pairs"][0]["claim"] == "no detectable change"
    assert found["problems"][0] == {"task_id": "t/0", "passed": [0, 4], "samples": [4, 4]}
