"""Tests that execute what a solution gives them share its process, and their verdicts say so; others do not."""

import pytest

from haloforge.python_source import parse
from haloforge.verify.python.one_process import needs_one_process

ANSWERS = "def check(f):\n    {}\n"


@pytest.mark.parametrize(
    "statement",
    [
        "assert eval(f(2)) == 3",
        "assert list(map(eval, f(24))) == [24]",
        "run = exec; run(f(2))",
        "import builtins; builtins.exec(f(2))",
        "import doctest; doctest.testmod(f)",
        "import shelve; assert shelve.open(f(1))['k'] == 2",
        "import runpy; runpy.run_path(f(1))",
        "import numpy as np; np.load(f(1), allow_pickle=True)",
        "import pandas as pd; pd.read_pickle(f(1))",
        "from joblib import load; load(f(1))",
        "import timeit; timeit.timeit(f(2), number=1)",
        "assert f('hello').format(self) == 'x'",
        "text = f('hello'); assert text.format_map(vars()) == 'x'",
    ],
)
def test_who_executes_an_answer_shares_its_process(statement):
    tests = ANSWERS.format(statement)
    assert parse(tests) and needs_one_process([tests])


@pytest.mark.parametrize(
    "statement",
    [
        "assert f.evaluate('1 + 2') == 3  # eval",
        "assert f(1).code == 2 and f(2).trace == []",
        "import re; assert re.compile(f('a')).match('a')",
        "import timeit; assert timeit.timeit(lambda: f(2), number=1) < 9",
        "import timeit; began = timeit.default_timer()",
        "assert f(2) == '{} apples'.format(2)",
        "text = '{} apples'; assert f(2) == text.format(2), 'got {}'.format(f(2))",
        "import textwrap; assert f(2) == textwrap.dedent('{}').format(2)",
        "import numpy as np; assert np.trace(f(2)) == 2 and np.load(f(3)).sum() == 2",
    ],
)
def test_who_only_looks_at_an_answer_does_not(statement):
    tests = ANSWERS.format(statement)
    assert parse(tests) and not needs_one_process([tests])
