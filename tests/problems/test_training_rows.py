import json
from pathlib import Path

import original_rows
import pytest

from haloforge.errors import DataError
from haloforge.problems.rows import load_training_rows, training_row


def test_every_documented_form_is_learnt_from(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    forms = [
        {"messages": [{"role": "system", "content": "s"}, *chat]},
        {"prompt": "q", "completion": "a"},
        {"prompt": "q", "response": "a"},
        {"prompt": chat[:1], "completion": chat[1:]},
        {"instruction": "q", "input": "i", "output": "a"},
    ]
    found = [training_row(1, row).messages for row in forms]
    assert found[0] == ({"role": "system", "content": "s"}, *chat)
    assert found[1] == found[2] == found[3] == tuple(chat)
    assert found[4] == ({"role": "user", "content": "q\n\ni"}, chat[1])
    assert training_row(1, {"text": "all of it"}).text == "all of it"


def test_a_solved_problem_stays_a_problem(tmp_path: Path) -> None:
    own = training_row(7, {"prompt": "Write f.", "solution": "def f(): ..."})
    assert own.problem and own.problem.solution == "def f(): ..." and own.name == "line 7 (line 7)"
    for row in (original_rows.HUMANEVAL, original_rows.MBPP, original_rows.CODEFORCES_SAMPLE, original_rows.OPENCODER):
        problem = training_row(1, row).problem
        assert problem and problem.solution


USELESS = {
    "no solution": ({"task_id": "a", "prompt": "p"}, "the problem has no solution"),
    "blank solution": ({"prompt": "p", "solution": " "}, "the problem has no solution"),
    "a sample": ({"task_id": "a", "completion": "c"}, '"text" is missing'),
    "ends with the user": ({"messages": [{"role": "user", "content": "q"}]}, "does not end with an answer"),
    "messages as text": ({"messages": "q"}, "does not end with an answer"),
    "a message without content": ({"messages": [{"role": "user"}]}, '"content" is missing'),
    "an empty answer": ({"prompt": "q", "completion": " "}, "the answer is empty"),
    "an answer that is a number": ({"prompt": "q", "completion": 3}, '"completion" is not text'),
    "an empty prompt": ({"prompt": "", "response": "a"}, "the prompt is empty"),
    "empty text": ({"text": "\n"}, '"text" is empty'),
    "text that is a number": ({"text": 3}, '"text" is not text'),
    "nothing": ({}, '"text" is missing'),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_useless_row_is_counted_with_its_line_and_reason(tmp_path: Path, name: str) -> None:
    row, reason = USELESS[name]
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "t"}\n\n' + json.dumps(row) + "\n")
    found = load_training_rows(path)
    assert [row.text for row in found.rows] == ["t"]
    (skipped,) = found.skipped
    assert skipped.line == 3 and reason in skipped.reason


def test_a_file_with_nothing_to_learn_from_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt": "p"}\n')
    with pytest.raises(DataError, match=r"holds nothing to learn from \(line 1: the problem has no solution\)"):
        load_training_rows(path)
    path.write_text("")
    with pytest.raises(DataError, match="holds nothing to learn from$"):
        load_training_rows(path)
