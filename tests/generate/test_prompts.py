"""What a model is asked, and how a right answer looks."""

from pathlib import Path

import pytest
from tiny import tiny_tokenizer

from haloforge.answers import extract_code
from haloforge.errors import ConfigError
from haloforge.files import read_jsonl
from haloforge.generate.prompts import EVALPLUS, HALO, completion_text, messages, protocol_named, render, stop_strings
from haloforge.models import FALLBACK_CHAT_TEMPLATE
from haloforge.problems import load_problems, with_example
from haloforge.records import Case, Problem, Tests

ADD = "def add(a, b):\n    return a + b\n"


def asked(problem: Problem) -> str:
    (message,) = messages(problem)
    assert message["role"] == "user"
    return message["content"]


def test_a_task_is_asked_for_in_one_code_block_of_its_language() -> None:
    assert asked(Problem("t", "Add two numbers.")).startswith("Add two numbers.\n\n")
    assert "whole Python program in one code block" in asked(Problem("t", "Add."))
    assert "whole C++ program in one code block" in asked(Problem("t", "Add.", language="cpp"))


def test_a_prompt_that_is_a_chat_is_used_word_for_word() -> None:
    chat = ({"role": "system", "content": "Be terse."}, {"role": "user", "content": "Add."})
    assert messages(Problem("t", chat)) == list(chat)


def test_a_test_is_shown_where_the_statement_does_not_name_the_function() -> None:
    tests = Tests(
        "asserts", code=("assert add(1, 2) == 3", "assert add(0, 0) == 0"), hidden=("assert add(5, 5) == 10",)
    )
    silent = asked(Problem("t", "Sum two numbers.", entry_point="add", tests=tests))
    assert "assert add(1, 2) == 3" in silent
    assert "add(0, 0)" not in silent
    assert "assert" not in asked(Problem("t", "Write add(a, b).", entry_point="add", tests=tests))


def test_hidden_tests_are_never_shown() -> None:
    tests = Tests("asserts", hidden=("assert add(5, 5) == 10",))
    assert "assert" not in asked(Problem("t", "Sum two numbers.", entry_point="add", tests=tests))


def test_starter_code_is_shown_in_a_block() -> None:
    code = 'def add(a, b):\n    """Sum."""\n'
    assert f"```python\n{code}```" in asked(Problem("t", code, meta={"prompt_is_code": True}))
    shown = asked(Problem("t", "Sum.", meta={"starter_code": code}))
    assert shown.startswith("Sum.\n\n")
    assert f"```python\n{code}```" in shown


def test_a_stdio_problem_says_where_to_read_and_write() -> None:
    problem = Problem("t", "Double it.", language="cpp", tests=Tests("stdio", cases=(Case("1", "2"),)))
    assert "reads from standard input and writes to standard output" in asked(problem)


def test_the_answer_to_learn_is_what_extraction_finds() -> None:
    problem = Problem("t", "Add.", entry_point="add")
    assert extract_code(completion_text(problem, ADD), problem) == ADD


def test_a_body_is_put_after_its_starter_code_in_the_answer_to_learn() -> None:
    code = 'def add(a, b):\n    """Sum."""\n'
    problem = Problem("t", code, entry_point="add", meta={"prompt_is_code": True})
    assert completion_text(problem, "    return a + b\n") == f"```python\n{code}    return a + b\n```"
    assert completion_text(problem, ADD) == f"```python\n{ADD}```"


def test_a_whole_function_of_javascript_is_not_put_after_its_start() -> None:
    code = "const add = (a, b) => {\n"
    problem = Problem("j", code, language="javascript", entry_point="add", meta={"prompt_is_code": True})
    whole = "const add = (a, b) => a + b;\n"
    assert completion_text(problem, whole) == f"```javascript\n{whole}```"
    assert completion_text(problem, "  return a + b;\n}") == f"```javascript\n{code}  return a + b;\n}}\n```"


def test_evalplus_is_asked_word_for_word() -> None:
    problem = Problem("HumanEval/0", "\ndef f():\n    ...\n")
    assert EVALPLUS.messages(problem)[0]["content"] == (
        "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
        "```\ndef f():\n    ...\n```\n"
    )
    assert EVALPLUS.prefill == (
        "Below is a Python script with a self-contained function that solves the problem and passes corresponding "
        "tests:\n```python\n"
    )


def test_evalplus_asks_mbpp_in_a_docstring_as_its_own_files_do(shared_data: Path) -> None:
    files = shared_data / "mbppplus"
    native = {row["task_id"]: row["prompt"] for _, row in read_jsonl(files / "MbppPlus.jsonl.gz")}
    ours = {p.task_id: p for p in load_problems(files / "MbppPlus-OriginFmt.jsonl.gz") if "http" not in p.statement}
    assert len(ours) == 360
    assert all(EVALPLUS.messages(p)[0]["content"].endswith(f"```\n{native[i].strip()}\n```\n") for i, p in ours.items())


def test_evalplus_ends_an_answer_as_the_model_and_the_task_ask_for() -> None:
    chat, base = tiny_tokenizer(), tiny_tokenizer()
    base.chat_template = FALLBACK_CHAT_TEMPLATE
    task = Problem("HumanEval/0", "def f():\n", meta={"prompt_is_code": True})
    prose = Problem("Mbpp/11", with_example("Write f.", "assert f() == 1"))
    assert "\n```\n" in stop_strings(chat, task, EVALPLUS) and "\ndef " not in stop_strings(chat, task, EVALPLUS)
    assert "\ndef " in stop_strings(base, task, EVALPLUS) and "\n```\n" not in stop_strings(base, task, EVALPLUS)
    assert '\n"""' in stop_strings(base, prose, EVALPLUS) and "\ndef " not in stop_strings(base, prose, EVALPLUS)
    assert "\nprint(" in stop_strings(base, task, EVALPLUS) and "\nprint(" in stop_strings(base, prose, EVALPLUS)


def test_a_base_model_continues_the_bare_problem_under_evalplus_only() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = FALLBACK_CHAT_TEMPLATE
    problem = Problem("t", "def f():\n")
    assert tokenizer.decode(render(tokenizer, problem, EVALPLUS)) == "def f():\n"
    assert tokenizer.decode(render(tokenizer, problem)).endswith("### Response:\n")


def test_a_prompt_is_rendered_as_the_chat_template_tokenises_it() -> None:
    tokenizer = tiny_tokenizer()
    problem = Problem("t", "Add.")
    chat = [dict(message) for message in messages(problem)]
    assert render(tokenizer, problem) == tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_dict=False
    )


def test_protocols_are_known_by_name() -> None:
    assert protocol_named("halo") is HALO
    with pytest.raises(ConfigError, match="use one of halo, evalplus, mbpp-3shot"):
        protocol_named("mine")
