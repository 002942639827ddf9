import pytest
from places import WHOLE
from tools import COMMANDS, needs

from haloforge.answers import whole_program
from haloforge.problems import load_problems
from haloforge.records import Problem, Tests

PROMPT = 'from typing import List\n\ndef helper(x):\n    return x + 1\n\ndef f(xs: List[int]) -> int:\n    """Doc."""\n'
PYTHON = Problem("p", PROMPT, entry_point="f", meta={"prompt_is_code": True, "stop_tokens": ["\nprint("]})


def test_a_completion_continues_the_prompt():
    assert whole_program(PYTHON, "    return 1\n") == PROMPT + "    return 1\n"


def test_a_completion_ends_at_the_stop_token():
    assert whole_program(PYTHON, "    return 1\nprint(f([]))") == PROMPT + "    return 1"


def test_a_whole_program_only_gains_what_it_lacks():
    text = "def f(xs: List[int]) -> int:\n    return helper(len(xs))\n"
    program = whole_program(PYTHON, text)
    assert program.endswith(text) and "import List" in program and program.count("def f") == 1
    scope = {}
    exec(program, scope)
    assert scope["f"]([1, 2]) == 3


def test_a_whole_program_keeps_its_own_helpers():
    program = whole_program(PYTHON, "from typing import List\ndef helper(x): return 0\ndef f(xs): return helper(1)\n")
    scope = {}
    exec(program, scope)
    assert scope["f"]([]) == 0


def test_without_starter_code_the_text_is_the_program():
    assert whole_program(Problem("q", "Write a function."), "x = 1") == "x = 1"


CPP = Problem(
    "CPP",
    "#include <vector>\n// Doubles.\nint twice(int x) {\n",
    language="cpp",
    entry_point="twice",
    tests=Tests("program", code=("}\n#include <cassert>\nint main() {\n    assert(twice(2) == 4);\n}\n",)),
    meta={"prompt_is_code": True, "stop_tokens": ["\n}"]},
)


@pytest.mark.parametrize(
    "text",
    [
        "    return 2 * x;",
        "    return 2 * x;\n}\nint other() {\n",
        "int twice(int x) {\n    return 2 * x;\n}\n",
        "#include <vector>\nint helper(int x) { return x; }\nint twice(int x) {\n    return helper(x) + x;\n}",
    ],
)
def test_a_body_and_a_whole_function_both_fit_tests_that_close_the_function(verifier, text):
    needs("g++")
    verdict = verifier.verify(CPP, whole_program(CPP, text))
    assert verdict.passed, verdict


HELPED = {
    "cpp": (
        "#include <string>\nstd::string twice(std::string s) {\n    // a } in a comment\n    return s + s;\n}\n\n"
        "std::string four(std::string s) {\n",
        "#include <string>\n\nstd::string four(std::string s) {\n    return twice(twice(s));\n}\n",
        '#include <cassert>\nint main() {\n    assert(four("a") == "aaaa");\n}\n',
    ),
    "rust": (
        'use std::fmt;\n\npub fn twice(s: &str) -> String {\n        if s == "}" { }\n        format!("{}{}", s, s)\n'
        "    }\n\n    fn four(s: &str) -> String {\n",
        "use std::fmt;\n\nfn four(s: &str) -> String {\n    twice(&twice(s))\n}\n",
        '#[test]\nfn fours() {\n    assert_eq!(four("a"), "aaaa");\n}\n',
    ),
    "go": (
        'import (\n    "strings"\n)\n\nfunc twice(s string) string {\n    return strings.Repeat(s, 2)\n}\n\n'
        "func four(s string) string {\n",
        "package main\n\nfunc four(s string) string {\n\treturn twice(twice(s))\n}\n",
        'func TestFour(t *testing.T) {\n\tif four("a") != "aaaa" {\n\t\tt.Fail()\n\t}\n}\n',
    ),
}


@pytest.mark.parametrize("language", sorted(HELPED))
def test_a_whole_function_may_call_the_helpers_of_its_prompt(verifier, language):
    needs(COMMANDS[language])
    prompt, answer, test = HELPED[language]
    tests = Tests("program", setup='import "testing"\n' if language == "go" else "", code=(test,))
    problem = Problem("h", prompt, language=language, entry_point="four", tests=tests, meta={"prompt_is_code": True})
    program = whole_program(problem, answer)
    assert verifier.verify(problem, program).passed, program
    assert whole_program(problem, program).count("twice(s") == program.count("twice(s"), "a helper comes once"


@pytest.mark.slow
@pytest.mark.parametrize(("file", "broken"), [("cpp", 4), ("rust", 14)])
def test_humanevalpack_references_pass(shared_data, verifier, file, broken):
    """A fifth of them, spread over the file; `make test-whole` compiles all, a minute for each language."""
    needs(COMMANDS[file])
    problems = load_problems(shared_data / f"humanevalpack/humanevalpack-{file}.jsonl")
    assert len(problems) == 164
    step = 1 if WHOLE else 5
    chosen = problems[::step]
    verifier.check(chosen)
    failed = [v for v in verifier.verify_many((p, p.solution) for p in chosen) if not v.passed]
    assert len(failed) <= broken / step, failed


def test_multipl_e_tests_accept_a_right_body(shared_data, verifier):
    needs("g++")
    problem = load_problems(shared_data / "multipl-e/humaneval-cpp.jsonl")[0]
    assert problem.entry_point and "strlen" in problem.task_id
    body = whole_program(problem, "    return string.length();")
    assert verifier.verify(problem, body).passed
    whole = "#include <bits/stdc++.h>\nlong string_length(std::string string) {\n    return string.size();\n}\n"
    assert verifier.verify(problem, whole_program(problem, whole)).passed
