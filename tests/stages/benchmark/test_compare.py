"""Results are compared problem by problem, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from haloforge.errors import DataError
from haloforge.reports.headline import headline
from haloforge.reports.side_by_side import side_by_side
from haloforge.stages.benchmark.compare import compare, read_result


def write(path: Path, passes: list[int], n: int = 4, **changes: Any) -> Path:
    """A result file in which problem i has passes[i] of n."""
    result = {
        "protocol": "halo",
        "dataset": {"sha256": "abc", "file": "problems.jsonl"},
        "model": {"name": path.stem},
        "pass_at_k": {},
        "doubts": [],
        "problems": [{"task_id": f"t/{i}", "family": f"f/{i}", "n": n, "c": c} for i, c in enumerate(passes)],
    }
    path.write_text(json.dumps(result | changes))
    return path


def test_a_clear_gain_is_called_better_with_the_ids_that_were_gained(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [0, 1] * 12), write(tmp_path / "b", [3, 4] * 12)
    (pair,) = compare([first, second]).pairs
    assert pair.paired.verdict == "better"
    assert pair.paired.difference.value == pytest.approx(0.75)
    assert pair.gained == [f"t/{i}" for i in range(0, 24, 2)]
    assert pair.lost == []


def test_the_other_way_round_it_is_worse(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [3, 4] * 12), write(tmp_path / "b", [0, 1] * 12)
    (pair,) = compare([first, second]).pairs
    assert pair.paired.verdict == "worse"
    assert len(pair.lost) == 12


def test_the_same_result_shows_no_detectable_change(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [1, 2, 3]), write(tmp_path / "b", [1, 2, 3])
    found = compare([first, second])
    assert found.pairs[0].paired.p_value == 1
    assert "no detectable change" in found.text()


def test_one_sample_each_is_compared_by_mcnemar(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [0] * 9 + [1] * 20, n=1), write(tmp_path / "b", [1] * 29, n=1)
    (pair,) = compare([first, second]).pairs
    assert pair.paired.test == "mcnemar"
    assert pair.paired.p_value == pytest.approx(2 / 2**9)


def test_many_comparisons_make_a_claim_harder(tmp_path: Path) -> None:
    results = [write(tmp_path / name, passes) for name, passes in {"a": [1] * 8, "b": [3] * 8, "c": [1] * 8}.items()]
    alone, among_two = compare(results[:2]).pairs[0], compare(results).pairs[0]
    assert among_two.paired.p_value == pytest.approx(2 * alone.paired.p_value)


def test_problems_that_only_one_result_scored_are_left_out(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [1, 2, 3, 4]), write(tmp_path / "b", [1, 2])
    assert compare([first, second]).pairs[0].paired.problems == 2


def test_variants_of_one_problem_count_as_one(tmp_path: Path) -> None:
    rows = [{"task_id": f"t/{i}", "family": "same", "n": 4, "c": 0} for i in range(20)]
    first = write(tmp_path / "a", [], problems=rows)
    second = write(tmp_path / "b", [], problems=[row | {"c": 4} for row in rows])
    assert compare([first, second]).pairs[0].paired.verdict == "no detectable change"


def test_different_problem_files_are_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [1]), write(tmp_path / "b", [1], dataset={"sha256": "x", "file": "other"})
    with pytest.raises(DataError, match="their problem files differ"):
        compare([first, second])


def test_the_same_problems_out_of_two_files_are_compared(tmp_path: Path) -> None:
    plain, packed = ({"sha256": s, "file": s, "problems_sha256": "same"} for s in ("plain", "gz"))
    first, second = write(tmp_path / "a", [1, 2], dataset=plain), write(tmp_path / "b", [1, 2], dataset=packed)
    assert compare([first, second]).pairs[0].paired.problems == 2


@pytest.mark.parametrize("older", [False, True])
def test_a_compressed_file_is_compared_with_the_plain_one_whatever_the_limit_was(tmp_path: Path, older: bool) -> None:
    plain = {"sha256": "text", "file": "p.jsonl"} | (
        {} if older else {"content_sha256": "text", "problems_sha256": "1"}
    )
    packed = {"sha256": "gz", "content_sha256": "text", "problems_sha256": "2", "file": "p.jsonl.gz"}
    first, second = write(tmp_path / "a", [1, 2, 3], dataset=plain), write(tmp_path / "b", [1, 2], dataset=packed)
    for results in ([first, second], [second, first]):
        assert compare(results).pairs[0].paired.problems == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "evalplus"}, "protocol halo and evalplus"),
        ({"decoding": {"temperature": 0.2}}, "temperature 0.7 and 0.2"),
        ({"verifier": {"type": "custom"}}, "type auto and custom"),
    ],
)
def test_models_that_were_not_asked_or_judged_alike_get_no_verdict(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    alike = {"decoding": {"temperature": 0.7, "seed": 1}, "verifier": {"type": "auto", "workers": 1}}
    first = write(tmp_path / "a", [0, 1] * 12, **alike)
    second = write(tmp_path / "b", [3, 4] * 12, **alike | change)
    text = compare([first, second]).text()
    assert f"doubtful, because they were not asked and judged alike ({words})" in text and "better" not in text


def test_a_doubtful_comparison_is_called_better_nowhere(tmp_path: Path) -> None:
    granted = {"pass_at_k": {}, "problems": [{"task_id": f"t/{i}", "c": 4} for i in range(24)]}
    none = {"pass_at_k": {}, "problems": [{"task_id": f"t/{i}", "c": 0} for i in range(24)]}
    first = write(tmp_path / "a", [0, 1] * 12, aliased=none, decoding={"seed": 1})
    second = write(tmp_path / "b", [3, 4] * 12, aliased=granted, doubts=["9 % cut off"], decoding={"seed": 1})
    found = compare([first, second])
    assert found.pairs[0].granted and found.pairs[0].granted.verdict == "better"
    assert "better" not in found.text() and "better" not in json.dumps(found.to_json())
    assert found.to_json()["pairs"][0]["verdict"] == "doubtful"
    shown = side_by_side(["a", "b"], [read_result(first), read_result(second)])
    assert "better" not in headline(shown, 1) and "granted" in headline(shown, 1)


def test_other_seeds_and_workers_are_no_reason_to_doubt(tmp_path: Path) -> None:
    first = write(tmp_path / "a", [0, 1] * 12, decoding={"seed": 1}, verifier={"workers": 1})
    second = write(tmp_path / "b", [3, 4] * 12, decoding={"seed": 2}, verifier={"workers": 4})
    assert compare([first, second]).pairs[0].claim == "better"


def test_too_few_problems_in_common_are_a_reason_to_doubt(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [0] * 20), write(tmp_path / "b", [4] * 18)
    assert "only 18 of 20 problems were scored in both" in compare([first, second]).pairs[0].claim


def test_the_name_that_is_granted_to_both_is_compared_as_well(tmp_path: Path) -> None:
    def granted(passes: list[int]) -> dict[str, Any]:
        return {"pass_at_k": {}, "problems": [{"task_id": f"t/{i}", "c": c} for i, c in enumerate(passes)]}

    first = write(tmp_path / "a", [0] * 24, aliased=granted([4] * 24))
    second = write(tmp_path / "b", [4] * 24, aliased=granted([4] * 24))
    (pair,) = compare([first, second]).pairs
    assert pair.paired.verdict == "better" and pair.granted and pair.granted.verdict == "no detectable change"
    assert compare([first, write(tmp_path / "c", [1] * 24)]).pairs[0].granted is None


def test_doubts_of_a_result_are_repeated(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [1, 2]), write(tmp_path / "b", [1, 2], doubts=["9 % cut off"])
    assert "9 % cut off" in compare([first, second]).text()


def test_the_comparison_as_json_holds_the_verdict(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", [1, 2]), write(tmp_path / "b", [1, 2])
    row = json.loads(json.dumps(compare([first, second]).to_json()))["pairs"][0]
    assert row["verdict"] == "no detectable change"
    assert row["paired"]["difference"]["low"] <= 0 <= row["paired"]["difference"]["high"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"protocol": "halo"}'])
def test_what_is_no_result_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        read_result(path)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "x"},
        {"model": {}},
        {"problems": [{"task_id": "t"}]},
        {"problems": [{"task_id": "t", "family": "f", "n": 1, "c": 2}]},
        {"problems": [{"task_id": 1, "family": "f", "n": 1, "c": 1}]},
        {"doubts": None},
        {"doubts": [3]},
        {"decoding": {"seed": "x"}},
        {"decoding": ["temperature"]},
        {"samples_file": "../samples.jsonl"},
        {"samples_file": ""},
        {"pass_at_k": {"one": {"value": None}}},
        {"pass_at_k": {"1": {"value": float("nan"), "low": 0, "high": 1}}},
        {"pass_at_k": {"1": {"value": 0.5}}},
        {"truncations": {"count": "many", "share": 0.5}},
        {"aliased": {"problems": [{"task_id": "t/0", "c": 5}]}},
        {"untested_share": "all"},
        {"purpose": "fun"},
        {"run": "\ud800"},
    ],
)
def test_a_result_that_was_changed_by_hand_is_one_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    where = "half of a character" if change.get("run") else next(iter(change))
    with pytest.raises(DataError, match=rf"x\.json is damaged: {where}"):
        read_result(write(tmp_path / "x.json", [1], **change))
