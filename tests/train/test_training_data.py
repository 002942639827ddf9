"""Rows to token ids: what is learned, what is only read, what stays out, what is held out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_tokenizer

from haloforge.errors import DataError
from haloforge.generate.prompts import render
from haloforge.problems import TrainingRow
from haloforge.records import Problem
from haloforge.train.examples import IGNORED, Example, encode, encode_row, split_by_family

TOKENIZER = tiny_tokenizer()
END = TOKENIZER.eos_token_id


def learned(example: Example) -> str:
    return str(TOKENIZER.decode([t for t in example.labels if t != IGNORED]))


def solved(task_id: str, family: str = "") -> TrainingRow:
    meta = {"family": family} if family else {}
    return TrainingRow(problem=Problem(task_id, f"Write {task_id}", solution=f"def {task_id}(): pass", meta=meta))


def chat(*turns: str) -> TrainingRow:
    roles = ("user", "assistant")
    return TrainingRow(messages=tuple({"role": roles[i % 2], "content": text} for i, text in enumerate(turns)))


def test_a_problem_is_read_as_it_is_asked_when_generating() -> None:
    row = solved("f")
    assert row.problem is not None
    asked = render(TOKENIZER, row.problem)
    example = encode_row(row, TOKENIZER)
    assert list(example.input_ids[: len(asked)]) == asked
    assert set(example.labels[: len(asked)]) == {IGNORED}
    assert learned(example) == "```python\ndef f(): pass\n```<|im_end|>"


def test_of_a_chat_every_answer_is_learned_with_its_end_token() -> None:
    example = encode_row(chat("one?", "1.", "two?", "2."), TOKENIZER)
    assert learned(example) == "1.<|im_end|>2.<|im_end|>"
    assert example.input_ids[-1] == example.labels[-1] == END
    text = TOKENIZER.apply_chat_template(
        [dict(m) for m in chat("one?", "1.", "two?", "2.").messages or ()], tokenize=False
    )
    assert TOKENIZER.decode(list(example.input_ids)) + "\n" == text


def test_a_template_without_an_end_token_gets_one() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    example = encode_row(chat("one?", "1."), tokenizer)
    assert learned(example) == "1.\n<|im_end|>"
    assert learned(encode_row(chat("one?", "1.", "two?", "2."), tokenizer)) == "1.\n2.\n<|im_end|>"


def test_plain_text_is_learned_whole() -> None:
    example = encode_row(TrainingRow(text="x = 1\n"), TOKENIZER)
    assert example.labels == example.input_ids
    assert learned(example) == "x = 1\n<|im_end|>"


@given(st.lists(st.text(min_size=1).filter(lambda t: "<|" not in t), min_size=2, max_size=6))
def test_labels_are_the_tokens_themselves_or_ignored(turns: list[str]) -> None:
    example = encode_row(chat(*turns), TOKENIZER)
    assert len(example.labels) == len(example.input_ids)
    assert all(label in (token, IGNORED) for token, label in zip(example.input_ids, example.labels, strict=True))
    assert example.labels.count(END) == len(turns) // 2


def test_a_row_that_is_too_long_is_left_out_and_named_never_cut() -> None:
    short, long = TrainingRow(text="a", line=1), TrainingRow(text="a b c " * 50, line=2)
    size = len(encode_row(long, TOKENIZER).input_ids)
    assert encode([short, long], TOKENIZER, size).too_long == []
    found = encode([short, long], TOKENIZER, size - 1)
    assert [len(e.input_ids) for e in found.examples] == [2]
    assert found.too_long == ["line 2"]


def test_a_template_that_rewrites_the_past_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ messages|length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(DataError, match="line 7: .*rewrites earlier turns"):
        encode([TrainingRow(messages=chat("a", "b").messages, line=7)], tokenizer, 100)


def test_a_template_that_refuses_a_role_says_so() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(DataError, match="refuses this chat .System role not supported"):
        encode([chat("a", "b")], tokenizer, 100)


rows = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 7)), min_size=1, max_size=30, unique_by=lambda p: p[0])


@given(rows, st.floats(0, 0.99), st.integers(0, 5), st.randoms())
def test_no_family_stands_on_both_sides_whatever_the_order(
    pairs: list[tuple[int, int]], share: float, seed: int, random: Any
) -> None:
    made = [solved(f"t{task}", f"family {family}") for task, family in pairs]
    split = split_by_family(made, share, seed)
    sides = [{row.problem.family for row in side if row.problem} for side in split]
    assert not sides[0] & sides[1]
    assert sides[0], "something is always left to learn from"
    assert bool(sides[1]) == (share > 0 and len(sides[0] | sides[1]) > 1)
    random.shuffle(made)
    again = split_by_family(made, share, seed)
    assert {r.problem.task_id for r in again.held_out if r.problem} == {
        r.problem.task_id for r in split.held_out if r.problem
    }


def test_two_answers_to_one_prompt_are_one_family() -> None:
    made = [chat("same?", "yes"), chat("same?", "no"), chat("other?", "maybe")]
    split = split_by_family(made, 0.4, seed=0)
    assert sorted(map(len, split)) == [1, 2]
    assert [r.messages[0] for r in split.train if r.messages] != [r.messages[0] for r in split.held_out if r.messages]
