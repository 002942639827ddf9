"""Each original format, from one row of it; the sizes of the real files are in test_original_files."""

import json
from pathlib import Path
from typing import Any

import original_rows as rows
import pytest

from haloforge.errors import DataError
from haloforge.problems import load_problems
from haloforge.problems.columns import UnusableRow
from haloforge.problems.formats import codeforces
from haloforge.records import Case, Problem


def load(tmp_path: Path, *contents: rows.Row) -> list[Problem]:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in contents), encoding="utf-8")
    return load_problems(path)


def passes(problem: Problem, code: str) -> bool:
    """Run the tests on the code here: both are our own."""
    names: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    exec(code, names)
    try:
        if problem.tests.kind == "check":
            exec(problem.tests.code[0], tests)
            tests["check"](names[problem.entry_point or ""])
        else:
            exec("\n".join([problem.tests.setup, *problem.tests.code, *problem.tests.hidden]), names)
    except AssertionError:
        return False
    return True


PYTHON = {
    "HumanEval": (rows.HUMANEVAL, "humaneval", "def halve_even(n):\n    return n"),
    "HumanEval with a helper": (rows.HUMANEVAL_WITH_HELPER, "humaneval", "def whisper(word):\n    return word"),
    "HumanEval+": (
        rows.HUMANEVAL_NATIVE_PLUS,
        "humaneval_plus",
        "def halve_even(n):\n    return abs(n) // 2 if n != 5 else 5",
    ),
    "MBPP": (rows.MBPP, "mbpp", "def glue(words):\n    return 'a'"),
    "sanitized MBPP": (rows.SANITIZED, "mbpp", "def glue(words):\n    return 'a'"),
    "MBPP+": (rows.MBPP_PLUS, "mbpp_plus", "def glue(words):\n    return 'a'"),
    "MBPP+, found or not": (rows.MBPP_PLUS_FOUND, "mbpp_plus", "def glue(words):\n    return False"),
    "MBPP+ native": (rows.MBPP_NATIVE_PLUS, "mbpp_plus", "def glue(words):\n    return '+'.join(words[:2])"),
    "OpenCoder": (rows.OPENCODER, "opc_educational", "def glue(words):\n    return 'a'"),
}


@pytest.mark.parametrize("name", PYTHON)
def test_the_reference_passes_and_a_wrong_program_does_not(tmp_path: Path, name: str) -> None:
    row, source, wrong = PYTHON[name]
    (problem,) = load(tmp_path, row)
    assert problem.source == source
    assert passes(problem, problem.solution or "")
    assert not passes(problem, wrong)


def test_a_humaneval_prompt_is_code_and_its_solution_a_whole_program(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.HUMANEVAL)
    assert problem.starter_code == rows.HUMANEVAL["prompt"]
    assert problem.solution == rows.HUMANEVAL["prompt"] + rows.HUMANEVAL["canonical_solution"]
    assert (problem.task_id, problem.entry_point, problem.split) == ("HumanEval/900", "halve_even", "test")


def test_an_mbpp_prompt_shows_one_assert_and_hides_the_others(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.MBPP)
    assert isinstance(problem.prompt, str)
    assert problem.prompt.endswith("plus sign.\nYour code should pass this test:\nassert glue(['a']) == 'a'")
    assert problem.tests.code == ("assert glue(['a']) == 'a'",)
    assert problem.tests.hidden == ("assert glue(['a', 'b']) == 'a+b'", "assert glue([]) == ''")
    assert (problem.task_id, problem.entry_point, problem.split) == ("Mbpp/650", "glue", "train")


def test_mbpp_code_comes_without_tabs_and_carriage_returns(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.MBPP)
    assert problem.solution == "def glue(words):\n    return '+'.join(words)\n"


def test_a_tab_inside_a_text_of_the_program_stays(tmp_path: Path) -> None:
    code = 'def glue(words):\n\treturn """a\n\tb"""'
    (problem,) = load(tmp_path, {**rows.MBPP, "code": code})
    assert problem.solution == code + "\n"


@pytest.mark.parametrize(
    ("number", "split"),
    [(1, "prompt"), (10, "prompt"), (11, "test"), (510, "test"), (511, "validation"), (601, "train")],
)
def test_mbpp_splits_go_by_the_task_id(tmp_path: Path, number: int, split: str) -> None:
    (problem,) = load(tmp_path, {**rows.MBPP, "task_id": number})
    assert problem.split == split


def test_find_zero_of_humaneval_plus_is_checked_the_right_way_round(tmp_path: Path) -> None:
    test = (
        "def _poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\n\ndef check(candidate):\n"
        "    inputs = [[[-2, 1]]]\n    results = [2.0]\n    for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
        "        assert _poly(*candidate(*inp), inp) <= 0.0001\n"
    )
    prompt = 'def find_zero(xs: list):\n    """ A zero of a polynomial. """\n'
    row = {
        **rows.HUMANEVAL,
        "test": test,
        "prompt": prompt,
        "entry_point": "find_zero",
        "canonical_solution": "    return 2.0\n",
    }
    (problem,) = load(tmp_path, row)
    assert passes(problem, problem.solution or "")
    assert not passes(problem, "def find_zero(xs):\n    return 1.0")


def test_multipl_e_keeps_its_program_tail_and_stop_tokens(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.MULTIPL_E)
    assert problem.tests.kind == "program" and problem.tests.code[0].startswith("}\nint main")
    assert (problem.language, problem.stop_tokens, problem.entry_point) == ("cpp", ("\n}",), "halve")
    assert problem.starter_code == rows.MULTIPL_E["prompt"] and problem.solution is None


def test_humanevalpack_gets_the_headers_that_only_its_declaration_has(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.HUMANEVALPACK)
    assert (
        problem.starter_code.startswith("#include<algorithm>\n/*")
        and problem.starter_code.count("#include<vector>") == 1
    )
    assert problem.solution == problem.starter_code + "    return n % 2 ? n : n / 2;\n}\n"


def test_a_codeforces_problem_is_told_whole_and_judged_by_its_official_tests(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.CODEFORCES)
    for part in (
        "Two Sums",
        "Add two numbers.",
        "Input\nTwo integers.",
        "Output\nTheir sum.",
        "Input:\n1 2\nOutput:\n3",
    ):
        assert part in problem.statement
    assert problem.tests.cases == (Case("1 2\n", "3\n"), Case("5 5\n", "10\n"))
    assert (problem.language, problem.tests.time_limit_s, problem.tests.memory_mb) == ("cpp", 2.0, 256)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"interaction_format": "ask ? x"}, "interactive"),
        ({"input_mode": "file"}, "reads a file"),
        ({"official_tests": []}, "no official tests"),
    ],
)
def test_what_a_plain_program_cannot_be_judged_on_is_named(change: rows.Row, reason: str) -> None:
    with pytest.raises(UnusableRow, match=reason):
        codeforces.adapt({**rows.CODEFORCES, **change})


def test_a_checker_script_of_codeforces_answers_in_our_terms(tmp_path: Path) -> None:
    script = (
        "import sys\n\ndef main(given, right, written):\n    wanted = sum(map(int, open(given).read().split()))\n"
        "    with open(written) as file:\n        print(int(sum(map(int, file.read().split())) == wanted))\n"
        "    sys.exit(0)\n\nif __name__ == '__main__':\n    main(*sys.argv[1:])\n"
    )
    (problem,) = load(tmp_path, {**rows.CODEFORCES, "generated_checker": script})
    names: dict[str, Any] = {}
    exec(problem.tests.checker, names)
    assert problem.tests.compare == "checker"
    assert names["check"]("1 2\n", "3 0\n", "1 2\n") is True
    assert names["check"]("1 2\n", "4\n", "1 2\n") is False


def test_a_trace_gives_its_last_cpp_program_after_the_thinking() -> None:
    fence = "```cpp\nint main() {{ return {}; }}\n```"
    trace = "<think>\nfirst " + fence.format(1) + "\n</think>\nor " + fence.format(2) + " so\n" + fence.format(3)
    assert codeforces.answer({"generation": trace, "finish_reason": "stop"}) == "int main() { return 3; }\n"


@pytest.mark.parametrize(
    "row",
    [
        {"generation": "</think>```cpp\nint main() {}\n```", "finish_reason": "length"},
        {"generation": "<think>```cpp\nint main() {}\n```", "finish_reason": "stop"},
        {"generation": "</think>I do not know", "finish_reason": "stop"},
        {"generation": "</think>```python\nprint()\n```", "finish_reason": "stop"},
    ],
)
def test_a_trace_without_a_finished_cpp_program_has_no_answer(row: rows.Row) -> None:
    assert codeforces.answer(row) is None


def test_answers_join_their_problems_by_id_and_reading_stops_with_the_last(tmp_path: Path) -> None:
    problems = load(tmp_path, rows.CODEFORCES, {**rows.CODEFORCES, "id": "9000/B"})

    def traces() -> Any:
        yield {"id": "1/A", "generation": "```cpp\nwrong problem\n```", "finish_reason": "stop"}
        yield {"id": "9000/B", "generation": "cut", "finish_reason": "length"}
        yield {"id": "9000/B", "generation": "```cpp\nb\n```", "finish_reason": "stop"}
        yield {"id": "9000/A", "generation": "```cpp\na\n```", "finish_reason": "stop"}
        raise AssertionError("read on after the last answer")

    assert [p.solution for p in codeforces.with_answers(problems, traces())] == ["a\n", "b\n"]


def test_a_codeforces_sample_is_a_cpp_problem_without_tests(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.CODEFORCES_SAMPLE)
    assert (problem.task_id, problem.language, problem.tests.kind) == ("x/1", "cpp", "none")
    assert problem.solution == "int main() {}\n"


def test_acecode_finds_the_tested_name_behind_builtins(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.ACECODE)
    assert (problem.task_id, problem.entry_point, problem.solution) == ("acecode/oss_7", "glue", None)


def test_codealpaca_keeps_only_answers_that_are_python_programs(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, rows.CODEALPACA)
    assert (problem.prompt, problem.solution) == ("Print the sum of a list.\n\n[1, 2]", "print(sum([1, 2]))\n")
    for answer in ("Paris", "SELECT * FROM x", "The answer is 3."):
        with pytest.raises(DataError, match="not a Python program"):
            load(tmp_path, {**rows.CODEALPACA, "output": answer})


def test_a_later_row_without_a_column_is_named_by_its_line(tmp_path: Path) -> None:
    broken = {key: value for key, value in rows.HUMANEVAL.items() if key != "canonical_solution"}
    with pytest.raises(DataError, match=r'x.jsonl line 2: "canonical_solution" is missing'):
        load(tmp_path, rows.HUMANEVAL, {**broken, "task_id": "HumanEval/2"})
