"""The bundled sets: enough of everything, honest splits, and tests that tell right from nearly right."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
from tools import needs

from haloforge.errors import DataError
from haloforge.problems.starter import SHOWN_ASSERTS, STARTER_SETS, load_starter
from haloforge.records import Problem
from haloforge.verify import VerifySettings, open_verifier

ALL = [problem for name in STARTER_SETS for problem in load_starter(name)]
CHECKED = [problem for problem in ALL if problem.tests.compare == "checker"]


def test_starter_easy_has_120_python_operations_and_40_cpp_programs() -> None:
    python, cpp = load_starter("starter-easy", language="python"), load_starter("starter-easy", language="cpp")
    assert len({problem.family for problem in python}) >= 120 and len(cpp) >= 40
    assert all(problem.tests.kind == "asserts" for problem in python)
    assert all(problem.tests.kind == "stdio" for problem in cpp)


def test_starter_easy_holds_out_enough_to_see_a_gain() -> None:
    assert len(load_starter("starter-easy", split="test", language="python")) >= 50
    assert len(load_starter("starter-easy", split="test", language="cpp")) >= 14


def test_starter_labels_has_at_least_100_operations_of_which_it_holds_out_enough_to_see_a_gain() -> None:
    labels = load_starter("starter-labels")
    assert len({problem.family for problem in labels}) == len(labels) >= 100
    assert len(load_starter("starter-labels", split="test")) >= 40
    formulas = [problem.statement.rpartition(" followed by ")[2] for problem in labels]
    assert len(set(formulas)) == len(formulas)


def test_starter_goes_from_easy_to_hard_in_both_languages_and_styles() -> None:
    problems = load_starter("starter")
    assert Counter(problem.language for problem in problems) == {"python": 40, "cpp": 20}
    assert Counter(problem.meta["level"] for problem in problems) == {"easy": 30, "medium": 20, "hard": 10}
    assert min(Counter(problem.tests.kind for problem in load_starter("starter", language="python")).values()) >= 15
    compared = Counter(problem.tests.compare.partition(":")[0] for problem in problems)
    assert compared["checker"] >= 3 and compared["float"] >= 2


def test_ids_are_unique_over_both_sets() -> None:
    assert [task for task, count in Counter(problem.task_id for problem in ALL).items() if count > 1] == []


def test_no_family_is_on_both_sides_of_the_split_in_any_set_or_language() -> None:
    sides = defaultdict(set)
    for problem in ALL:
        sides[problem.family].add(problem.split)
    assert {family for family, splits in sides.items() if splits not in ({"train"}, {"test"})} == set()


def test_two_tests_are_visible_and_at_least_four_are_hidden() -> None:
    def counts(problem: Problem) -> tuple[int, int]:
        shown = problem.meta.get("visible_cases", 0)
        return len(problem.tests.code) + shown, len(problem.tests.hidden) + len(problem.tests.cases) - shown

    assert [problem.task_id for problem in ALL if counts(problem)[0] != 2 or counts(problem)[1] < 4] == []


def test_no_test_stands_there_twice() -> None:
    def inputs(problem: Problem) -> list[str]:
        return [*problem.tests.code, *problem.tests.hidden, *(case.input for case in problem.tests.cases)]

    assert [problem.task_id for problem in ALL if len(set(inputs(problem))) < len(inputs(problem))] == []


@pytest.mark.parametrize("name", STARTER_SETS)
def test_prompts_name_the_function_and_show_as_many_asserts_as_the_set_says(name: str) -> None:
    for problem in load_starter(name):
        if problem.tests.kind == "asserts":
            shown = [line for line in (*problem.tests.code, *problem.tests.hidden) if line in problem.statement]
            assert f"{problem.entry_point}(" in problem.statement
            assert shown == list(problem.tests.code[: SHOWN_ASSERTS[name]])


def test_prompts_show_the_visible_cases_and_no_other() -> None:
    for problem in ALL:
        if problem.tests.kind == "stdio":
            assert problem.statement.count("\nInput:\n") == problem.meta["visible_cases"]
            assert all(case.output.rstrip() in problem.statement for case in problem.tests.cases[:2])


def test_no_constant_answer_is_right() -> None:
    def results(problem: Problem) -> set[str]:
        expected = {re.split(r" == | is | - ", hidden)[-1] for hidden in problem.tests.hidden}
        return expected | {case.output for case in problem.tests.cases[2:]}

    assert [problem.task_id for problem in ALL if len(results(problem)) == 1] == []


@pytest.mark.parametrize("problem", CHECKED, ids=lambda problem: problem.task_id)
def test_a_checker_takes_the_reference_answer_and_refuses_nonsense(problem: Problem) -> None:
    module: dict[str, Any] = {}
    exec(problem.tests.checker, module)
    for case in problem.tests.cases:
        assert module["check"](case.input, case.output, case.output)
        nonsense = ("", "what?", "-1 1", case.output + " 1", "9" * 5000)
        assert [text for text in nonsense if module["check"](case.input, text, case.output)] == []


def test_every_problem_survives_the_way_through_a_file() -> None:
    assert [Problem.from_json(problem.to_json()) for problem in ALL] == ALL


def test_an_unknown_set_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DataError, match="use starter or starter-easy or starter-labels"):
        load_starter("starter-hard")


@pytest.mark.parametrize("language", ["python", pytest.param("cpp", marks=pytest.mark.slow)])
def test_every_reference_passes_and_the_hidden_tests_reject_every_planted_mistake(language: str) -> None:
    if language == "cpp":
        needs("g++")
    problems = [problem for problem in ALL if problem.language == language]
    with open_verifier(VerifySettings()) as verifier:
        right = verifier.verify_many((problem, problem.solution) for problem in problems)
        assert [p.task_id for p, verdict in zip(problems, right, strict=True) if not verdict.passed] == []
        wrong = verifier.verify_many((only_hidden(problem), problem.meta["wrong_solution"]) for problem in problems)
        assert [p.task_id for p, verdict in zip(problems, wrong, strict=True) if verdict.status != "wrong_answer"] == []


def only_hidden(problem: Problem) -> Problem:
    return replace(problem, tests=replace(problem.tests, code=(), cases=problem.tests.cases[2:]))
