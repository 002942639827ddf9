import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest

from haloforge.problems import build_index, decontaminate
from haloforge.problems.decontaminate import BenchmarkIndex, Hit
from haloforge.problems.same_program import nameless_form
from haloforge.records import Case, Problem, Tests

PROGRAM = (
    "import math\n\n\ndef far(points: list) -> float:\n    '''Longest way.'''\n    best = 0.0\n"
    "    for x, y in points:\n        best = max(best, math.hypot(x, y))\n    return round(best, 3)\n"
)
BENCHMARK = [
    Problem(
        "Bench/1",
        "Write a function to find the distance from the origin to the farthest of the given points in the plane."
        "\nYour code should pass this test:\nassert far([(3, 4)]) == 5",
        tests=Tests("asserts", code=("assert far([(3, 4)]) == 5",), hidden=("assert far([(0, 2), (1, 0)]) == 2",)),
        entry_point="far",
        solution=PROGRAM,
    ),
    Problem("Bench/2", "Write a function to reverse the words.", solution="def f(s):\n    return s[::-1]\n"),
    Problem(
        "Bench/3",
        'def third(xs):\n    """ Every third of the numbers, sorted by their last digit.\n    >>> 1\n    """\n',
        tests=Tests(
            "check", code=("def check(candidate):\n    assert candidate([21, 9, 13]) == [13]\n    assert True\n",)
        ),
        entry_point="third",
        meta={"prompt_is_code": True},
    ),
    Problem(
        "Bench/4", "Add.", "cpp", Tests("stdio", cases=(Case("1 2\n", "3\n"), Case("5 5", "10"), Case("7 1", "8")))
    ),
    Problem("Bench/5", "Write a function to tell whether a text reads the same backwards."),
]
INDEX = BenchmarkIndex.from_problems(BENCHMARK)
CLEAN = Problem(
    "mine/1",
    "Count the vowels of a text.",
    tests=Tests("asserts", code=("assert vowels('aeb') == 2",)),
    solution="def vowels(text):\n    return sum(letter in 'aeiou' for letter in text.lower() if letter.isalpha())\n",
)


def rules(problem: Problem) -> list[tuple[str, bool]]:
    return [(hit.rule, hit.drop) for hit in INDEX.check(problem)]


def test_a_problem_of_its_own_is_left_alone() -> None:
    assert INDEX.check(CLEAN) == []


def test_a_task_of_the_benchmark_is_found_by_its_id() -> None:
    assert Hit("one of its tasks", "Bench/2", True) in INDEX.check(replace(CLEAN, task_id="Bench/2"))


@pytest.mark.parametrize(
    "prompt",
    [
        "Write a program to find the distance from the origin to the farthest of the given points in the plane.",
        "FIND the distance from the origin to the farthest of the given points in the plane!!",
        "find the distance from the origin to the farthest\nof the given points in the plane\n>>> far([(1, 1)])\n1.4",
    ],
)
def test_the_same_prompt_is_found_in_another_spelling(prompt: str) -> None:
    assert rules(replace(CLEAN, prompt=prompt)) == [("same prompt", True)]


def test_ten_words_in_a_row_drop_and_eight_only_flag() -> None:
    ten = "You get a map; tell the distance from the origin to the farthest of the towns."
    eight = "You get a map; tell the distance from the origin to the farthest town."
    assert rules(replace(CLEAN, prompt=ten)) == [("shares 10 words in a row", True)]
    assert rules(replace(CLEAN, prompt=eight)) == [("shares 8 words in a row", False)]


def test_a_short_prompt_is_compared_by_its_word_pairs() -> None:
    near = replace(CLEAN, prompt="reverse the words")
    assert rules(near) == [("same prompt", True)]
    assert rules(replace(CLEAN, prompt="reverse all letters")) == []
    assert rules(replace(CLEAN, prompt="Tell whether some text reads the other way round.")) == []
    assert rules(replace(CLEAN, prompt="Do tell whether a text reads the same backwards.")) == [
        ("nearly the same short prompt", True)
    ]


def test_the_docstring_is_what_counts_of_a_prompt_that_is_code() -> None:
    prose = replace(CLEAN, prompt="Give every third of the numbers, sorted by their last digit. Be quick.")
    assert rules(prose) == [("shares 10 words in a row", True)]


def test_the_sentence_that_our_own_prompts_add_is_no_overlap() -> None:
    prompt = "Count the given points in the plane.\nYour code should pass this test:\nassert count([]) == 0"
    assert rules(replace(CLEAN, prompt=prompt)) == []


@pytest.mark.parametrize(
    "assertion", ["assert  far([(3,4)])==5", "assert (far([(3, 4)]) == 5)", "assert third([21, 9, 13]) == [13]"]
)
def test_an_assert_is_the_same_in_any_spelling(assertion: str) -> None:
    assert rules(replace(CLEAN, tests=Tests("asserts", code=(assertion,)))) == [("shares an assert", True)]


def test_asserts_that_call_nothing_are_never_the_same() -> None:
    assert rules(replace(CLEAN, tests=Tests("asserts", code=("assert True", "assert 1 == 1")))) == []


def test_two_test_cases_in_common_are_needed() -> None:
    one = Tests("stdio", cases=(Case("1 2", "3"), Case("2 2", "4")))
    two = Tests("stdio", cases=(Case("1  2", "3"), Case("5 5\n", "10\n")))
    assert rules(replace(CLEAN, tests=one)) == []
    assert rules(replace(CLEAN, tests=two)) == [("shares test cases", True)]


def test_a_program_is_the_same_under_other_names_without_comments_and_types() -> None:
    renamed = PROGRAM.replace("far", "remote").replace("best", "m").replace(": list", "").replace(" -> float", "")
    renamed = re.sub(r"    '''.*'''\n", "    # longest\n", renamed)
    assert rules(replace(CLEAN, solution=renamed)) == [("same program", True)]
    assert rules(replace(CLEAN, solution=renamed.replace("max", "min"))) == []


def test_a_small_program_is_common_idiom_and_only_flagged() -> None:
    assert rules(replace(CLEAN, solution="def g(t):\n    return t[::-1]\n")) == [("same program", False)]


def test_what_is_no_python_has_no_nameless_form() -> None:
    assert nameless_form("int main() {}") == ("", 0)
    assert nameless_form("x = " + "(" * 5000 + ")" * 5000)[1] == 0


def test_the_bundled_index_knows_its_benchmarks_by_hashes_alone() -> None:
    tasks = decontaminate.bundled_index().tasks
    assert {"HumanEval/0", "HumanEval/163", "Mbpp/11", "Mbpp/510"} <= tasks
    assert sum(task.startswith("HumanEval/") for task in tasks) == 164
    packed = Path(decontaminate.__file__).with_name("benchmark_index.json.gz").read_bytes()
    words = set(re.findall(r'"([^"]*)"', gzip.decompress(packed).decode()))
    fields = {"traces", "prompt", "drop_grams", "flag_grams", "pairs", "asserts", "cases", "program", "program_size"}
    assert all(re.fullmatch(r"[0-9a-f]{12}|(HumanEval|Mbpp)/\d+|", word) for word in words - fields - {"task_id"})


def test_a_built_index_finds_what_it_was_built_from(tmp_path: Path) -> None:
    from haloforge.files import write_jsonl

    write_jsonl(tmp_path / "b.jsonl", [replace(BENCHMARK[0], split="test").to_json(), BENCHMARK[1].to_json()])
    assert build_index.build([tmp_path / "b.jsonl"], tmp_path / "i.json.gz") == 1
    index = decontaminate.read_index(tmp_path / "i.json.gz")
    assert [hit.rule for hit in index.check(BENCHMARK[0])][:2] == ["one of its tasks", "same prompt"]
    assert index.check(BENCHMARK[1]) == []
