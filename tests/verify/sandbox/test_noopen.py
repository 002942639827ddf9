"""Where no file can be opened any more, an honest program finds everything that it finds elsewhere."""

import importlib.util
import sys

import pytest

from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.box.preloading import NOT_FOR_PROGRAMS
from haloforge.verify.worker import Worker

LIMITS = Limits(cpu_s=2, wall_s=10, memory_mb=1024)
USES = {
    "datetime.strptime": "import datetime\ndef f(): return datetime.datetime.strptime('2024-02-29', '%Y-%m-%d').day",
    "a rare codec": "def f(): return len('é'.encode('cp1252').decode('cp850') + 'ü'.encode('idna').decode()) * 29 // 8",
    "xml": "import xml.etree.ElementTree as E\ndef f(): return int(E.fromstring('<a b=\"29\"/>').get('b'))",
    "threads": "import concurrent.futures as c\ndef f(): return c.ThreadPoolExecutor(2).submit(lambda: 29).result()",
    "mock": "from unittest import mock\ndef f(): return mock.Mock(return_value=29)()",
    "sqlite3": "import sqlite3\ndef f(): return sqlite3.connect(':memory:').execute('SELECT 29').fetchone()[0]",
    "an import when called": "def f():\n    import graphlib, colorsys, difflib, csv\n    return 29",
}


@pytest.fixture(scope="module")
def judged():
    worker = Worker(VerifySettings(), "noopen")

    def judge(code, test="assert f() == 29"):
        return worker.judge(Problem("n", "", tests=Tests("asserts", code=(test,))), code, LIMITS)

    yield judge
    worker.close()


@pytest.mark.parametrize("name", USES)
def test_the_standard_library_is_there(judged, name):
    assert judged(USES[name]).status == "passed", judged(USES[name])


def test_every_module_for_programs_can_be_imported(judged):
    names = [n for n in sys.stdlib_module_names - NOT_FOR_PROGRAMS if n[0] != "_" and importlib.util.find_spec(n)]
    imports = "".join(f"    import {name}\n" for name in sorted(names))
    assert judged(f"def f():\n{imports}    return 29").status == "passed"


def test_what_is_not_of_the_library_is_not_there(judged):
    assert judged("import pandas\ndef f(): return 29").status == "runtime_error"


NEEDS = "this {} uses files, and at isolation level noopen none can be opened: "


@pytest.mark.parametrize(
    ("code", "test", "said"),
    [
        ("def f(): return len(open('x.txt', 'w').name)", "assert f() == 29", NEEDS.format("solution")),
        ("import sqlite3\ndef f(): return sqlite3.connect('x.db')", "assert f() == 29", NEEDS.format("solution")),
        ("def f(): return 28", "import tempfile\nassert f() == 29 or not tempfile.mkdtemp()", NEEDS.format("problem")),
        ("def f(): return 28", "assert f() == 29", ""),
        ("import sqlite3\ndef f(): return sqlite3.connect(':memory:') and 28", "assert f() == 29", ""),
    ],
)
def test_a_need_of_files_is_said(judged, code, test, said):
    outcome = judged(code, test)
    assert outcome.status in ("wrong_answer", "runtime_error")
    assert outcome.detail.startswith(said) and bool(said) == ("noopen" in outcome.detail), outcome
