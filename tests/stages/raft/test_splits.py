"""Held-out problems are never trained on, nor is anything of their family."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloforge.config import EvaluationSection
from haloforge.errors import DataError
from haloforge.files import write_jsonl
from haloforge.records import Problem
from haloforge.stages.raft.splits import read_split, split_problems


def problem(number: int, family: int, split: str = "") -> Problem:
    return Problem(f"t/{number}", "Do it.", split=split, meta={"family": f"f{family}"})


some_problems = st.lists(st.integers(0, 9), min_size=1, max_size=30).map(
    lambda families: [problem(i, family) for i, family in enumerate(families)]
)


@given(some_problems, st.floats(0.01, 0.9), st.integers(0, 100))
def test_no_family_is_on_both_sides_and_no_problem_is_lost(problems: list[Problem], share: float, seed: int) -> None:
    train, held_out, left_out = split_problems(problems, None, EvaluationSection(holdout=share), seed)
    assert not {p.family for p in train} & {p.family for p in held_out}
    assert sorted(p.task_id for p in train + held_out) == sorted(p.task_id for p in problems)
    assert left_out == 0
    assert train
    assert bool(held_out) == (len({p.family for p in problems}) > 1)


@given(some_problems, st.integers(1, 5))
def test_a_limit_takes_a_sample_and_frees_none_of_the_others_for_training(problems: list[Problem], limit: int) -> None:
    whole = split_problems(problems, None, EvaluationSection(holdout=0.5), 0)
    limited = split_problems(problems, None, EvaluationSection(holdout=0.5, limit=limit), 0)
    assert limited.train == whole.train
    assert len(limited.held_out) == min(limit, len(whole.held_out))
    assert limited.left_out == len(whole.held_out) - len(limited.held_out)


def test_rows_labelled_test_are_held_out_where_there_are_any() -> None:
    problems = [problem(0, 0, "train"), problem(1, 1, "test"), problem(2, 2), problem(3, 3, "validation")]
    train, held_out, _ = split_problems(problems, None, EvaluationSection(), 0)
    assert [p.task_id for p in train] == ["t/0", "t/2"]
    assert [p.task_id for p in held_out] == ["t/1", "t/3"]


def test_a_training_row_of_a_held_out_family_is_left_out() -> None:
    problems = [problem(0, 0, "train"), problem(1, 0, "test"), problem(2, 2, "train")]
    train, _, left_out = split_problems(problems, None, EvaluationSection(), 0)
    assert [p.task_id for p in train] == ["t/2"]
    assert left_out == 1


def test_without_a_share_nothing_is_held_out() -> None:
    train, held_out, _ = split_problems([problem(0, 0), problem(1, 1)], None, EvaluationSection(holdout=0), 0)
    assert (len(train), len(held_out)) == (2, 0)


def test_a_file_of_held_out_problems_wins(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", [problem(i, i).to_json() for i in range(4)])
    write_jsonl(tmp_path / "eval.jsonl", [problem(9, 3).to_json()])
    settings = EvaluationSection(prompts=str(tmp_path / "eval.jsonl"))
    train, held_out, left_out = read_split(str(tmp_path / "train.jsonl"), settings, 0, "python")
    assert [p.task_id for p in train] == ["t/0", "t/1", "t/2"]
    assert [p.task_id for p in held_out] == ["t/9"]
    assert left_out == 1


def test_evaluating_on_the_training_file_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    write_jsonl(path, [problem(i, i).to_json() for i in range(4)])
    with pytest.raises(DataError, match="no problem to train on: all 4 are held out"):
        read_split(str(path), EvaluationSection(prompts=str(path)), 0, "python")


def test_rows_without_a_language_are_in_the_compilers(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "p.jsonl", [{"task_id": f"t/{i}", "prompt": "Do it."} for i in range(4)])
    split = read_split(str(tmp_path / "p.jsonl"), EvaluationSection(), 0, "cpp")
    assert {p.language for p in [*split.train, *split.held_out]} == {"cpp"}
