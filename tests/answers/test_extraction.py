"""The code in an answer, and nothing else."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloforge.answers import extract_code
from haloforge.records import Problem, Tests

ADD = "def add(a, b):\n    return a + b\n"
PYTHON = Problem(task_id="p", prompt="Add two numbers.", entry_point="add")
PROGRAM = Problem(task_id="s", prompt="Print the double.", tests=Tests(kind="stdio"))
CPP = Problem(task_id="c", prompt="Print the double.", language="cpp")
STARTER = Problem(
    task_id="h",
    prompt='def add(a, b):\n    """Sum."""\n',
    entry_point="add",
    meta={"prompt_is_code": True},
)
MAIN = "#include <iostream>\nint main() {\n    int n;\n    std::cin >> n;\n    std::cout << n * 2;\n}\n"


def fenced(code: str, tag: str = "python") -> str:
    return f"```{tag}\n{code}```"


@pytest.mark.parametrize("tag", ["python", "py", "Python", "", "python3"])
def test_a_fenced_block_is_taken_whole(tag: str) -> None:
    assert extract_code(f"Sure!\n\n{fenced(ADD, tag)}\n\nHope that helps.", PYTHON) == ADD


def test_windows_line_ends_are_read() -> None:
    assert extract_code(fenced(ADD).replace("\n", "\r\n"), PYTHON) == ADD


def test_tildes_fence_too() -> None:
    assert extract_code(f"~~~python\n{ADD}~~~", PYTHON) == ADD


def test_a_block_in_a_list_loses_its_indentation() -> None:
    assert extract_code("1. So:\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n", PYTHON) == ADD


def test_a_fence_glued_to_the_last_line_ends_the_block() -> None:
    assert extract_code("```python\ndef add(a, b):\n    return a + b```\nDone.", PYTHON) == ADD


def test_a_block_on_one_line_is_code() -> None:
    assert extract_code("```python add = lambda a, b: a + b```", PYTHON) == "add = lambda a, b: a + b\n"


def test_a_fence_inside_a_string_ends_nothing() -> None:
    code = 'def add(a, b):\n    """Use ```add(1, 2)``` so."""\n    return a + b\n'
    assert extract_code(fenced(code), PYTHON) == code


def test_a_block_that_was_never_closed_is_taken_when_it_is_whole() -> None:
    assert extract_code(f"```python\n{ADD}", PYTHON) == ADD


def test_an_unfinished_last_statement_is_cut_off() -> None:
    assert extract_code(f"```python\n{ADD}\nprint(add(1,", PYTHON) == ADD


def test_an_unfinished_answer_is_kept_so_that_it_fails_to_compile() -> None:
    cut = "def add(a, b):\n    total = a +\n"
    assert extract_code(f"```python\n{cut}", PYTHON) == cut


def test_a_function_cut_in_its_middle_is_not_passed_off_as_whole() -> None:
    cut = "def add(a, b):\n    total = 0\n    total += a\n    total +="
    code = extract_code(f"```python\n{cut}", PYTHON)
    assert code is not None
    with pytest.raises(SyntaxError):
        ast.parse(code)


def test_a_new_fence_inside_an_open_block_starts_another() -> None:
    text = f"```python\nimport os\n```python\n{ADD}```"
    assert extract_code(text, PYTHON) == ADD


def test_of_several_blocks_the_one_that_defines_the_function_counts() -> None:
    helper, use = fenced("def helper():\n    return 1\n"), fenced("print(add(1, 2))\n")
    assert extract_code(f"{helper}\nthen\n{fenced(ADD)}\nused as\n{use}", PYTHON) == ADD


def test_of_several_definitions_the_last_counts() -> None:
    first = "def add(a, b):\n    return a - b\n"
    assert extract_code(f"{fenced(first)}\nNo, wait:\n{fenced(ADD)}", PYTHON) == ADD


def test_a_program_wins_over_an_example_of_its_output() -> None:
    program, output = "print(int(input()) * 2)\n", fenced("6\n", "")
    assert extract_code(f"{fenced(program, '')}\nOutput:\n{output}", PROGRAM) == program


def test_blocks_in_the_wanted_language_win() -> None:
    shell, data = fenced("pip install x\n", "bash"), fenced("{}\n", "json")
    assert extract_code(f"{shell}\n{fenced(ADD)}\n{data}", PYTHON) == ADD


def test_closed_code_that_does_not_parse_stays_as_it_is() -> None:
    broken = "def add(a, b)\n    return a + b\n"
    assert extract_code(f"Here:\n{fenced(broken)}", PYTHON) == broken


def test_code_without_a_fence_is_found_between_prose() -> None:
    text = f"Of course! This is the function:\n\nfrom math import sqrt\n\n{ADD}\nThis adds its arguments.\n"
    assert extract_code(text, PYTHON) == f"from math import sqrt\n\n{ADD}"


def test_imports_before_the_prose_are_kept() -> None:
    text = f"import math\nWe also need a function.\n{ADD}It returns the sum, don't you think?"
    assert extract_code(text, PYTHON) == f"import math\n{ADD}"


@pytest.mark.parametrize("text", ["", "   \n", "I cannot help with that.", "Sure", "42", "```\n```", "It's 3 + 4."])
def test_prose_is_no_code(text: str) -> None:
    assert extract_code(text, PYTHON) is None


def test_an_unfenced_definition_that_was_cut_is_still_an_answer() -> None:
    assert extract_code("def add(a, b):\n    return (a +", PYTHON) == "def add(a, b):\n    return (a +\n"


def test_a_bare_completion_continues_the_starter_code() -> None:
    code = extract_code("    return a + b\n\n\nThat is all, isn't it", STARTER)
    assert code == 'def add(a, b):\n    """Sum."""\n    return a + b\n'


def test_a_fenced_body_continues_the_starter_code() -> None:
    assert extract_code(fenced("return a + b\n"), STARTER) == 'def add(a, b):\n    """Sum."""\n    return a + b\n'


def test_a_whole_function_replaces_the_starter_code() -> None:
    assert extract_code(fenced(ADD), STARTER) == ADD


def test_cpp_is_taken_from_its_fence() -> None:
    assert extract_code(f"Here:\n{fenced(MAIN, 'cpp')}\nDone", CPP) == MAIN


def test_cpp_without_a_fence_runs_from_its_first_include_to_its_last_brace() -> None:
    assert extract_code(f"The program is as follows.\n{MAIN}\nIt reads a number and doubles it.", CPP) == MAIN


def test_cpp_that_was_cut_stays_cut() -> None:
    cut = MAIN[: MAIN.index("std::cout")]
    assert extract_code(f"```cpp\n{cut}", CPP) == cut.rstrip() + "\n"


def test_braces_in_strings_and_comments_do_not_count() -> None:
    code = "#include <cstdio>\nint main() {\n    // }\n    puts(\"}}\");\n    char c = '}';\n}\n"
    assert extract_code(f"{code}\nThat was it.", CPP) == code


def test_a_class_keeps_its_semicolon() -> None:
    code = "struct P {\n    int x;\n};\n"
    assert extract_code(f"{code}A point.", CPP) == code


def test_prose_is_no_cpp() -> None:
    assert extract_code("You should double the number and print it.", CPP) is None


def test_the_block_with_main_wins() -> None:
    helper = "int twice(int n) { return 2 * n; }\n"
    assert extract_code(f"{fenced(MAIN, 'cpp')}\nor\n{fenced(helper, 'cpp')}", CPP) == MAIN


@given(st.text(max_size=300), st.sampled_from([PYTHON, PROGRAM, CPP, STARTER]))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_it(text: str, problem: Problem) -> None:
    code = extract_code(text, problem)
    assert code is None or code.strip()


@given(st.lists(st.sampled_from(["```", "```python", "def add(a, b):", "    return a", "}", "{", "x = (", "prose."])))
@settings(max_examples=300, deadline=None)
def test_code_that_compiles_holds_no_fence(lines: list[str]) -> None:
    code = extract_code("\n".join(lines), PYTHON)
    try:
        ast.parse(code or "")
    except SyntaxError:
        return
    assert "```" not in (code or "")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line", ["x = (", "def f():", "import", '"""', "if x: (", "@a", "```python", "{"])
@pytest.mark.parametrize("problem", [PYTHON, CPP], ids=["python", "cpp"])
def test_a_long_hostile_text_does_not_keep_it_busy(line: str, problem: Problem) -> None:
    code = extract_code(f"{line}\n" * 3_000, problem)
    assert code is None or code.strip()


JS = Problem(task_id="j", prompt="Print the double.", language="javascript")
JS_MAIN = "const twice = (n) => {\n  return 2 * n;\n};\n\nconsole.log(twice(4));\n"
JAVA_MAIN = (
    "public class Twice {\n    public static void main(String[] args) {\n        System.out.println(8);\n    }\n}\n"
)


@pytest.mark.parametrize(
    ("language", "tag", "code"),
    [
        ("javascript", "javascript", JS_MAIN),
        ("js", "js", JS_MAIN),
        ("javascript", "mjs", JS_MAIN),
        ("typescript", "typescript", JS_MAIN),
        ("ts", "ts", JS_MAIN),
        ("typescript", "tsx", JS_MAIN),
        ("java", "java", JAVA_MAIN),
        ("java", "Java", JAVA_MAIN),
    ],
)
def test_blocks_of_node_and_java_are_found_by_their_tags(language: str, tag: str, code: str) -> None:
    problem = Problem(task_id="t", prompt="Print the double.", language=language)
    other = fenced("npm start\n", "bash")
    assert extract_code(f"Run it:\n{other}\n{fenced(code, tag)}\nOutput:\n{fenced('8', 'text')}", problem) == code


def test_statements_behind_the_last_brace_are_kept_where_they_run() -> None:
    assert extract_code(f"Here it is:\n\n{JS_MAIN}\nThis prints eight.", JS) == JS_MAIN
    assert (
        extract_code(f"Here it is:\n\n{JAVA_MAIN}\nThis prints eight.", Problem("j", "x", language="java")) == JAVA_MAIN
    )


def test_the_block_that_defines_the_function_is_taken_however_it_is_defined() -> None:
    problem = Problem(task_id="j", prompt="Double it.", language="javascript", entry_point="twice")
    text = f"{fenced(JS_MAIN, 'js')}\nUse it so:\n{fenced('console.log(twice(3));', 'js')}"
    assert extract_code(text, problem) == JS_MAIN


LONG_TEXT = 'def add(a, b):\n    """Sum.\n\n    ```python\n    add(1, 2)\n    ```\n    """\n    return a + b\n'


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_a_fence_inside_a_text_of_three_quotes_ends_nothing(fence: str) -> None:
    code = LONG_TEXT.replace("```", fence)
    assert extract_code(f"So:\n```python\n{code}```\nDone, isn't it?", PYTHON) == code


def test_a_text_of_three_quotes_that_never_ends_hides_no_later_block() -> None:
    assert extract_code(f'```python\ndef add(a, b):\n    """Sum.\n```\nNo:\n{fenced(ADD)}', PYTHON) == ADD


@pytest.mark.parametrize("outer", ["````markdown", "````", "~~~md", "```markdown"])
def test_a_whole_answer_in_a_fence_is_read_like_any_other(outer: str) -> None:
    assert extract_code(f"{outer}\nThe function:\n{fenced(ADD)}\n{outer[:4].rstrip('m')}", PYTHON) == ADD


def test_a_program_in_parts_gets_what_it_uses_from_the_other_blocks() -> None:
    imports, twice = "import math\nimport os\n", "@math.cache\ndef twice(a):\n    return 2 * a\n"
    use, add = "print(add(1, 2))\n", "def add(a, b):\n    return twice(a) - a + b\n"
    text = "\nthen\n".join(map(fenced, (imports, twice, add, use)))
    assert extract_code(text, PYTHON) == f"import math\n\n{twice}\n{add}"


def test_an_alternative_that_was_cut_does_not_replace_a_whole_answer() -> None:
    assert extract_code(f"{fenced(ADD)}\nOr:\n```python\ndef add(a, b):\n    return a +", PYTHON) == ADD
    cut = MAIN[: MAIN.index("std::cout")]
    assert extract_code(f"{fenced(MAIN, 'cpp')}\nOr:\n```cpp\n{cut}", CPP) == MAIN


def test_code_that_markdown_shows_by_its_indentation_is_found() -> None:
    indented = "".join(f"    {line}\n" for line in ADD.splitlines())
    assert extract_code(f"The function:\n\n{indented}\nIt adds.\n\n    >>> add(1, 2)\n    3\n", PYTHON) == ADD


def test_an_answer_that_begins_as_if_its_fence_were_open_is_found() -> None:
    assert extract_code(f"{ADD}```\nUse it so:\n{fenced('print(add(1, 2))')}", PYTHON) == ADD
