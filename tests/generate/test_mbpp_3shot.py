"""The protocol mbpp-3shot asks as published, and takes the answer as it stands."""

from pathlib import Path

import pytest
from tiny import tiny_tokenizer

from haloforge.files import read_jsonl
from haloforge.generate import mbpp_3shot
from haloforge.generate.prompts import MBPP_3SHOT, render
from haloforge.problems.formats.mbpp import adapt
from haloforge.records import Problem, Tests

HALVE = {
    "task_id": 11,
    "text": "Write a function to halve a number.",
    "code": "def halve(n):\r\n  return n / 2",
    "test_setup_code": "",
    "test_list": ["assert halve(2) == 1", "assert halve(3) == 1.5 ", "assert halve(0) == 0"],
    "challenge_test_list": ["assert halve(-2) == -1"],
}
ASKED = (
    "You are an expert Python programmer, and here is your task: Write a function to halve a number. Your code should "
    "pass these tests:\n\nassert halve(2) == 1\nassert halve(3) == 1.5 \nassert halve(0) == 0\n[BEGIN]\n"
)


def published(row: dict[str, object]) -> str:
    """The template of the paper over the columns of an original row."""
    return (
        f"You are an expert Python programmer, and here is your task: {row['text']} Your code should pass these tests:"
        "\n\n" + "\n".join(row["test_list"]) + "\n[BEGIN]\n"  # type: ignore[arg-type]
    )


def test_the_task_is_asked_with_its_three_asserts_after_three_solved_tasks() -> None:
    asked = mbpp_3shot.prompt(adapt(HALVE))
    assert asked.endswith(f"\n[DONE]\n\n{ASKED}")
    assert asked.count("[BEGIN]") == 4 and asked.count("[DONE]") == 3
    assert asked.startswith("You are an expert Python programmer, and here is your task: Write a function to find the")
    assert "def similar_elements(test_tup1, test_tup2):\r\n  res = " in asked
    assert "halve(-2)" not in asked


def test_a_chat_model_continues_the_bare_text_too() -> None:
    tokenizer = tiny_tokenizer()
    problem = adapt(HALVE)
    assert tokenizer.chat_template
    assert tokenizer.decode(render(tokenizer, problem, MBPP_3SHOT)).endswith("assert halve(0) == 0\n[BEGIN]\n")
    assert "<|im_start|>" not in tokenizer.decode(render(tokenizer, problem, MBPP_3SHOT))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("def f(n):\n  return n\n[DONE]\n\nYou are", "def f(n):\n  return n\n"),
        ("def f(n):\r\n  return n\r\n", "def f(n):\n  return n\n"),
        ("Here:\n```python\ndef f(n):\n  return n\n```\nDone.", "def f(n):\n  return n\n"),
        ("def f(n):\n  return n\nthat is all", "def f(n):\n  return n\nthat is all\n"),
        ("\n[DONE]", None),
    ],
    ids=["cut at the end", "line ends", "fenced", "not repaired", "empty"],
)
def test_the_answer_is_taken_as_it_stands_up_to_its_end(answer: str, code: str | None) -> None:
    assert mbpp_3shot.extract(answer, adapt(HALVE)) == code


def test_it_is_judged_by_the_asserts_that_it_shows() -> None:
    tests = mbpp_3shot.as_judged(adapt(HALVE)).tests
    assert (*tests.code, *tests.hidden) == tuple(HALVE["test_list"])  # type: ignore[arg-type]


def test_what_cannot_be_asked_so_says_why() -> None:
    assert "one of the three examples" in mbpp_3shot.misfit(adapt(HALVE | {"task_id": 3}))
    assert "three asserts" in mbpp_3shot.misfit(Problem("t", "Add.", tests=Tests("asserts", code=("assert f(1)",))))
    assert mbpp_3shot.misfit(adapt(HALVE)) == ""


def test_every_original_row_is_asked_as_published(shared_data: Path) -> None:
    rows = [row for _, row in read_jsonl(shared_data / "mbpp" / "mbpp.jsonl")]
    assert [mbpp_3shot.prompt(adapt(row)).rpartition("[DONE]\n\n")[2] for row in rows] == [*map(published, rows)]
    solved = "\n\n".join(f"{published(row)}{row['code']}\n[DONE]" for row in rows[1:4])
    assert mbpp_3shot.prompt(adapt(rows[10])).startswith(f"{solved}\n\nYou are")
    assert [mbpp_3shot.misfit(adapt(row)) == "" for row in rows] == [row["task_id"] not in (2, 3, 4) for row in rows]
