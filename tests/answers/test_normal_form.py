"""Programs that differ only in dress are the same program; programs that do something else are not."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloforge.answers import normal_form

PLAIN = "def add(a, b):\n    total = a + b\n    return total\n"

SAME_PYTHON = {
    "comments and blank lines": "# adds\ndef add(a, b):\n\n    total = a + b  # sum\n    return total",
    "a docstring": 'def add(a, b):\n    """Add."""\n    total = a + b\n    return total\n',
    "a string as comment": 'def add(a, b):\n    total = a + b\n    "done"\n    return total\n',
    "names of locals": "def add(x, y):\n    result = x + y\n    return result\n",
    "parentheses": "def add(a, b):\n    total = (a + b)\n    return (total)\n",
}
OTHER_PYTHON = {
    "the function's name": "def plus(a, b):\n    total = a + b\n    return total\n",
    "the order of operands": "def add(a, b):\n    total = b + a\n    return total\n",
    "an operator": "def add(a, b):\n    total = a - b\n    return total\n",
    "a global instead of a local": "def add(a, b):\n    total = a + c\n    return total\n",
}
CPP = "int main() { int n; std::cin >> n; /* twice */ std::cout << n * 2; }"
SAME_CPP = {
    "layout": "int main()\n{\n  int n;\n  std::cin >> n;\n  std::cout << n * 2;\n}",
    "line comments": "// doubles\nint main() { int n; std::cin >> n; std::cout << n * 2; } // end",
}
OTHER_CPP = {
    "a number": CPP.replace("2", "3"),
    "a string": CPP.replace("n * 2", '"// n"'),
    "a name": CPP.replace("n", "m"),
}


@pytest.mark.parametrize("code", SAME_PYTHON.values(), ids=SAME_PYTHON.keys())
def test_python_programs_are_the_same_but_for(code: str) -> None:
    assert normal_form(code, "python") == normal_form(PLAIN, "python")


@pytest.mark.parametrize("code", OTHER_PYTHON.values(), ids=OTHER_PYTHON.keys())
def test_python_programs_differ_in(code: str) -> None:
    assert normal_form(code, "python") != normal_form(PLAIN, "python")


@pytest.mark.parametrize("code", SAME_CPP.values(), ids=SAME_CPP.keys())
def test_cpp_programs_are_the_same_but_for(code: str) -> None:
    assert normal_form(code, "cpp") == normal_form(CPP, "cpp")


@pytest.mark.parametrize("code", OTHER_CPP.values(), ids=OTHER_CPP.keys())
def test_cpp_programs_differ_in(code: str) -> None:
    assert normal_form(code, "cpp") != normal_form(CPP, "cpp")


@pytest.mark.parametrize("literal", ['"/* kept */"', "'\\''", 'R"(// kept)"', "1'000", "1e-5f"])
def test_literals_of_cpp_are_whole_tokens(literal: str) -> None:
    assert normal_form(f"auto x = {literal};", "cpp") == f"auto x = {literal} ;"


def test_python_that_does_not_parse_goes_by_its_text() -> None:
    assert normal_form("def f(:\n\n  pass  ", "python") == "def f(:\n  pass"


def test_code_too_deep_to_parse_goes_by_its_text() -> None:
    deep = "x = " + "(" * 5000 + ")" * 5000
    assert normal_form(deep, "python") == deep


def test_an_unknown_language_goes_by_its_text() -> None:
    assert normal_form("a  \n\n b", "cobol") == "a\n b"


names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in ("print", "len", "add", "_")
)


@given(st.lists(names, min_size=4, max_size=4, unique=True), st.lists(names, min_size=4, max_size=4, unique=True))
def test_any_renaming_of_locals_gives_the_same_form(first: list[str], second: list[str]) -> None:
    def program(a: str, b: str, c: str, d: str) -> str:
        return (
            f"def add({a}, *{b}, step=len):\n    def {c}({d}):\n        return {a} + {d}\n"
            f"    for {d} in {b}:\n        {a} = {c}({d})\n    return [{d} for {d} in {b}], {a}\n"
        )

    assert normal_form(program(*first), "python") == normal_form(program(*second), "python")


@given(st.text(max_size=60))
def test_any_text_has_a_form_in_any_language(text: str) -> None:
    for language in ("python", "cpp", "rust", "go", "text"):
        assert isinstance(normal_form(text, language), str)
