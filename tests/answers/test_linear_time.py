"""Whatever a model writes, finding its code, measuring it and comparing it takes time linear in its length."""

import functools

import pytest
from growth import LINEAR, per_doubling

from haloforge.answers import defines, extract_code, normal_form, substance, whole_program
from haloforge.generate.mbpp_3shot import extract
from haloforge.records import Problem, Tests

HOSTILE = {
    "fences": lambda n: "```\nx\n" * n,
    "fences with languages": lambda n: "```python\nx = 1\n" * n,
    "a fence and a long word": lambda n: "```" + "a" * n,
    "backticks": lambda n: "``" * n,
    "spaces": lambda n: "x" + " " * n,
    "open brackets": lambda n: "```python\n" + "f(\n" * n,
    "unfinished statements": lambda n: "```python\n" + "x = (\n" * n,
    "definitions": lambda n: "def f(\n" * n,
    "indented lines": lambda n: "    x\n" * n,
    "escaped quotes": lambda n: '```\n{}"' + '\\"' * n,
    "escaped marks": lambda n: "```\n{}'" + "\\'" * n,
    "open comments": lambda n: "```\n{}" + "/*" * n,
    "closed comments": lambda n: "```\n{}" + "/**/" * n + "x",
    "raw strings": lambda n: "```\n{}" + 'R"' * n,
    "raw strings of Rust": lambda n: "```\n{}" + "r#" * n + '"',
    "heads": lambda n: "int f(\n" * n,
    "heads of Go": lambda n: "func f(\n" * n,
    "heads of Rust": lambda n: "fn f(\n" * n,
    "calls of itself": lambda n: "int " + "f " * n,
    "braces": lambda n: "int f() {" * n,
    "closing braces": lambda n: "int f() {}" + "}" * n,
    "signs": lambda n: "a <" * n,
    "assignments": lambda n: "x = 1\n" * n,
    "statements of C": lambda n: "int main() {" + "x = f(y);" * n,
    "large number": lambda n: "x = 0x" + "f" * n,
    "text after text": lambda n: "'a' " * n,
    "sum": lambda n: "x = " + "1+" * n + "1",
}
SCRIPT = Problem("p", "", "python", Tests("stdio"))
CODE = {"prompt_is_code": True}
PROBLEMS = [
    Problem("p", "def f(x):\n", "python", Tests("asserts", code=("assert f(1)",)), entry_point="f", meta=CODE),
    Problem("p", "int f() {\n", "cpp", Tests("program", code=("}\nint main() {}",)), entry_point="f", meta=CODE),
    Problem("p", "fn f() {\n", "rust", Tests("program", code=("}\n",)), meta=CODE),
    Problem("p", "package p\nfunc f() {\n", "go", Tests("program", code=("}\n",)), entry_point="f", meta=CODE),
]


WORKS = {
    "found": extract_code,
    "completed": lambda text, problem: whole_program(problem, text),
    "measured": lambda text, problem: substance(text, problem.language),
    "searched": lambda text, problem: defines(text, "f", problem.language),
    "normalised": lambda text, problem: normal_form(text, problem.language),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_is_read_in_linear_time(name):
    assert per_doubling(lambda text: extract(text, PROBLEMS[0]), HOSTILE[name]) < LINEAR
    assert per_doubling(lambda text: extract_code(text, SCRIPT), HOSTILE[name]) < LINEAR
    for problem in PROBLEMS:
        for done, work in WORKS.items():
            growth = per_doubling(functools.partial(work, problem=problem), HOSTILE[name])
            assert growth < LINEAR, (done, problem)
