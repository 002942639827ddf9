"""MultiPL-E and HumanEvalPack in every compiled language: read from a file, put together, compiled, judged."""

import json

import pytest
from places import WHOLE
from tools import COMMANDS, needs
from translated_rows import TRANSLATED

from haloforge.answers import whole_program
from haloforge.problems import load_problems


def posed(name, folder):
    """The problem as a prepared file holds it, and the answers to it."""
    answers = TRANSLATED[name]
    original, prepared = folder / "original.jsonl", folder / "prepared.jsonl"
    original.write_text(json.dumps(answers.row) + "\n")
    prepared.write_text(json.dumps(load_problems(original)[0].to_json()) + "\n")
    (problem,) = load_problems(prepared)
    needs(COMMANDS[problem.language])
    return problem, answers


@pytest.fixture(params=sorted(TRANSLATED))
def translated(request, tmp_path):
    """Each of the rows in turn."""
    return posed(request.param, tmp_path)


def test_a_right_body_and_a_right_program_pass_and_a_wrong_one_does_not(translated, verifier):
    problem, answers = translated
    verifier.check([problem])
    right = [verifier.verify(problem, whole_program(problem, text)) for text in (answers.body, answers.whole)]
    assert [verdict.status for verdict in right] == ["passed", "passed"], right
    wrong = verifier.verify(problem, whole_program(problem, answers.wrong))
    assert (wrong.status, wrong.reward) == ("wrong_answer", 0.7), wrong
    assert wrong.forgeable, "these tests share the solution's process"


@pytest.mark.parametrize("name", sorted(name for name in TRANSLATED if "pack" in name))
def test_the_references_of_humanevalpack_pass(name, tmp_path, verifier):
    problem, _ = posed(name, tmp_path)
    assert verifier.verify(problem, problem.solution).passed


def test_an_answer_that_ends_early_does_not_pass(translated, verifier):
    problem, answers = translated
    assert verifier.verify(problem, whole_program(problem, answers.early)).status == "exited_early"


def test_a_call_of_the_function_is_no_definition_of_it(translated):
    problem, answers = translated
    bare = problem.language in ("rust", "go")
    call = "    if NAME(n) > 1 {\n" if bare else "    if (NAME(n)) {\n"
    body = call.replace("NAME", problem.entry_point) + answers.body
    assert whole_program(problem, body).startswith(problem.starter_code)


@pytest.mark.slow
def test_every_test_of_multipl_e_in_go_compiles_and_judges(shared_data, verifier):
    needs("go")
    """Every third of them; `make test-whole` compiles all."""
    problems = load_problems(shared_data / "multipl-e/humaneval-go.jsonl")
    problems = problems[:: 1 if WHOLE else 3]
    verifier.check(problems)
    answers = (whole_program(p, f"    var nothing {p.prompt.rstrip().removesuffix('{').rpartition(')')[2]}\n"
                             "    return nothing\n}\n") for p in problems)  # fmt: skip
    verdicts = list(verifier.verify_many(zip(problems, answers, strict=True)))
    others = {p.task_id: v.status for p, v in zip(problems, verdicts, strict=True) if v.status != "wrong_answer"}
    others.pop("HumanEval_87_get_row", None)  # its published test is no Go
    assert others == {}
