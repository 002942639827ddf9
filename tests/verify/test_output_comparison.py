import pytest

from haloforge.errors import DataError
from haloforge.verify.comparison import comparison


@pytest.mark.parametrize(
    ("rule", "expected", "written", "agrees"),
    [
        ("exact", "a b\n", "a b  \n\n", True),
        ("exact", "a b\n", "a  b\n", False),
        ("exact", "a\nb", "a\r\nb", True),
        ("tokens", "1 2\n3", "1\n2   3\n", True),
        ("tokens", "1 2", "1 2 3", False),
        ("float:1e-6", "0.3333333", "0.33333333333", True),
        ("float:1e-6", "0.333", "0.334", False),
        ("float:1e-6", "1 yes", "1.0000001 yes", True),
        ("float:1e-6", "1", "nan", False),
        ("float:1e-6", "1 2", "1", False),
    ],
)
def test_outputs_are_compared_as_the_problem_says(rule, expected, written, agrees):
    assert comparison(rule)(expected, written) is agrees


@pytest.mark.parametrize("rule", ["float", "float:", "float:-1", "lines", ""])
def test_an_unknown_comparison_is_refused(rule):
    with pytest.raises(DataError, match="unknown comparison"):
        comparison(rule)
