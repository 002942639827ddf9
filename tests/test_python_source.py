import ast
import gc
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from haloforge.python_source import defined_names, docstring, entry_point_of, normalised, parse, statements

CODE = 'import os\n\n\nclass A:\n    pass\n\n\nasync def b():\n    """Say b."""\n\n\ndef c():\n    """Say c."""\n'


def test_defined_names_are_the_functions_and_classes_at_the_top_level() -> None:
    assert defined_names(CODE) == ["A", "b", "c"]
    assert docstring(CODE, "c") == "Say c."
    assert statements("import os\nx = [\n1]\n") == ("import os", "x = [\n1]")


@pytest.mark.parametrize("code", ["int main() {}", "x = '\0'", "x = " + "(" * 5000 + ")" * 5000])
def test_what_is_not_python_has_no_tree_and_no_names(code: str) -> None:
    assert parse(code) is None
    assert defined_names(code) == [] and statements(code) == () and docstring(code, "x") == ""


def test_parsing_in_threads_shows_no_warning_and_leaves_the_filters_as_they_were() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            trees = list(pool.map(parse, [f"x{n} = '\\d'" for n in range(400)]))
        assert warnings.filters == before
    assert all(isinstance(tree, ast.Module) for tree in trees)


def test_threads_may_parse_while_garbage_collection_lets_another_thread_run() -> None:
    def pause(phase: str, info: dict[str, int]) -> None:
        time.sleep(0.0001)

    before = gc.get_threshold()
    gc.callbacks.append(pause)
    gc.set_threshold(100)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(parse, ["x = [[(1 + 2) * 3, f(a, b=[c, {d: e}])]]\n" * 200] * 12))
    finally:
        gc.callbacks.remove(pause)
        gc.set_threshold(*before)
    assert all(isinstance(tree, ast.Module) for tree in trees)


def test_an_assert_tests_the_first_function_that_the_solution_defines() -> None:
    assert entry_point_of("assert list(f(1)) == [2]", "def g(): ...\ndef f(): ...\n") == "f"
    assert entry_point_of("assert set(f(1)) == {2}", None) == "f"
    assert entry_point_of("assert set(f(1)) == {2}", "def other(): ...\n") is None


def test_tabs_become_spaces_unless_that_changes_the_program() -> None:
    assert normalised("def f():\r\n\treturn 1\r\n") == "def f():\n    return 1\n"
    assert normalised("x = '''\n\ta'''\n") == "x = '''\n\ta'''\n"
