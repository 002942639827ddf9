"""Whatever a model writes, finding its code, measuring it and comparing it takes time linear in its length."""

import functools

import pytest
from growth import LINEAR, per_doubling

from haloforge.answers import defines, extract_code, normal_form, substance, whole_program
from haloforge.answers.class_members import in_class
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
    "types of Java": lambda n: "static " + "a " * n,
    "equal signs": lambda n: "const f" + " = f" * n,
    "arrows": lambda n: "const f = " + "(a " * n,
    "arguments of arrows": lambda n: "const f = (" + "a, " * n,
    "functions": lambda n: "function " * n,
    "functions with spaces": lambda n: "const f = async" + " " * n,
    "lines of names": lambda n: "f\n" * n,
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
    Problem(
        "p", "class P {\n  static int f() {\n", "java", Tests("program", code=("}\n",)), entry_point="f", meta=CODE
    ),
    Problem("p", "function f(){\n", "javascript", Tests("program", code=("}\n",)), entry_point="f", meta=CODE),
    Problem("p", "package p\nfunc f() {\n", "go", Tests("program", code=("}\n",)), entry_point="f", meta=CODE),
]


PYTHON, CPP, RUST, JAVA, JAVASCRIPT, GO = PROBLEMS
WORKS = {
    "found": (extract_code, (SCRIPT, PYTHON, CPP, JAVASCRIPT)),
    "completed": (lambda text, problem: whole_program(problem, text), PROBLEMS),
    "measured": (lambda text, problem: substance(text, problem.language), (PYTHON, CPP, RUST, GO)),
    "searched": (lambda text, problem: defines(text, "f", problem.language), (PYTHON, JAVASCRIPT)),
    "normalised": (lambda text, problem: normal_form(text, problem.language), (PYTHON, CPP)),
}


@pytest.mark.parametrize("unit", ["\npublic", "\nstatic void main(", "/*", '\\"', '`"', "{", "class "])
def test_an_answer_is_put_into_a_class_in_linear_time(unit):
    def hostile(size: int) -> str:
        return "class A {\n int f() {} int g() { " + unit * size

    assert per_doubling(lambda text: in_class("class P {\n  static int f() {\n", text, "f"), hostile) < LINEAR


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_is_read_in_linear_time(name):
    assert per_doubling(lambda text: extract(text, PROBLEMS[0]), HOSTILE[name]) < LINEAR
    for done, (work, problems) in WORKS.items():
        for problem in problems:
            growth = per_doubling(functools.partial(work, problem=problem), HOSTILE[name])
            assert growth < LINEAR, (done, problem)
