"""Mutants: programs that run and differ from theirs in one small place."""

import ast

import pytest

from haloforge.answers import mutants

PYTHON = '''\
def f(xs, n):
    """Not the docstring, 3 < 4."""
    total = 0
    for i in range(n):
        if xs[i] > 3 and not n == 2:
            total += xs[i] * 2
            xs.append(total)
        elif i % 2:
            break
    return max(total, -n)
'''
CPP = """\
#include <vector> // 1 < 2
std::vector<int> f(std::vector<int> x, int *n) {
    int t = 0;
    for (int i = 0; i < *n; i++)
        if (x[i] > 3 && t == 2) t += x[i] * 2ULL;
    return {t, 10 - t}; /* 4 + 4 */
}
"""


def changes(code: str, language: str) -> list[str]:
    found = mutants(code, language, 1000)
    assert found is not None
    return [mutant.change for mutant in found]


@pytest.mark.parametrize(
    "change",
    [
        "line 3: 0 became 1",
        "line 4: range(n) became range(n + 1)",
        "line 5: xs[i] > 3 became xs[i] >= 3",
        "line 5: xs[i] > 3 and (not n == 2) became xs[i] > 3 or not n == 2",
        "line 5: xs[i] > 3 and (not n == 2) became not (xs[i] > 3 and (not n == 2))",
        "line 5: xs[i] became xs[i + 1]",
        "line 6: total += xs[i] * 2 became total -= xs[i] * 2",
        "line 6: total += xs[i] * 2 became nothing",
        "line 6: xs[i] * 2 became xs[i] + 2",
        "line 7: xs.append(total) became nothing",
        "line 9: break became continue",
        "line 10: return max(total, -n) became return None",
        "line 10: max(total, -n) became min(total, -n)",
        "line 10: -n became n",
    ],
)
def test_every_kind_of_change_is_made_to_python(change: str) -> None:
    assert change in changes(PYTHON, "python")


def test_a_python_mutant_parses_and_is_another_program() -> None:
    original = ast.dump(ast.parse(PYTHON))
    found = mutants(PYTHON, "python", 1000) or []
    forms = {ast.dump(ast.parse(mutant.code)) for mutant in found}
    assert original not in forms and len(forms) == len(found) > 20


def test_docstrings_and_annotations_are_left_alone() -> None:
    assert sorted(changes('def f(n: "list[1]" = 5) -> 7:\n    """1"""\n    return n\n', "python")) == [
        "line 1: 5 became 4",
        "line 1: 5 became 6",
        "line 3: return n became return None",
    ]


def test_tokens_are_changed_outside_includes_comments_templates_and_pointers() -> None:
    assert sorted(changes(CPP, "cpp")) == [
        "line 3: 0 became 1",
        "line 4: 0 became 1",
        "line 4: < became <=",
        "line 5: && became ||",
        "line 5: * became +",
        "line 5: += became -=",
        "line 5: 2 became 3",
        "line 5: 2ULL became 3ULL",
        "line 5: 3 became 4",
        "line 5: == became !=",
        "line 5: > became >=",
        "line 6: - became +",
        "line 6: 10 became 11",
    ]


def test_the_same_seed_gives_the_same_mutants_and_another_seed_others() -> None:
    first = mutants(PYTHON, "python", 5, seed=1)
    assert first == mutants(PYTHON, "python", 5, seed=1) and first is not None and len(first) == 5
    assert first != mutants(PYTHON, "python", 5, seed=2)


def test_the_kinds_of_change_are_taken_in_turn() -> None:
    many_numbers = "def f(n):\n    xs = [" + "9, " * 50 + "]\n    return n < 4\n"
    few = mutants(many_numbers, "python", 4) or []
    assert sum("9 became" in mutant.change for mutant in few) <= 2


def test_code_that_is_not_python_has_no_mutants_and_an_unread_language_is_not_measured() -> None:
    assert mutants("def f(:", "python", 5) == []
    assert mutants("anything", "cobol", 5) is None


def test_functions_that_the_prompt_gives_are_left_alone() -> None:
    code = "def helper(n):\n    return n + 1\n\n\ndef f(n):\n    return helper(n) * 2\n"
    found = mutants(code, "python", 100, given={"helper"}) or []
    assert found and all(mutant.change.startswith("line 6: ") for mutant in found)
