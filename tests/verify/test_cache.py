"""Verdicts are kept between runs, values per problem are computed once."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from processes import sandboxes

from haloforge.errors import VerifierError
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier
from haloforge.verify.cache import PerProblem

SQUARE = Problem("sq", "", tests=Tests("asserts", code=("assert f(3) == 9", "assert f(4) == 16")), entry_point="f")
CODES = ["def f(x): return x * x", "def f(x): return 9", "def f(x): raise ValueError", "def f(x", "def f(x): exit()"]


def verdicts(cache, **settings):
    with open_verifier(VerifySettings(workers=2, **settings), cache) as verifier:
        return list(verifier.verify_many((SQUARE, code) for code in CODES))


def test_a_second_run_gives_the_same_verdicts_from_the_cache(tmp_path):
    first = verdicts(tmp_path / "cache.db")
    assert verdicts(tmp_path / "cache.db") == first  # to the last digit of their CPU time: nothing ran again


def test_rewards_are_made_anew_from_cached_outcomes(tmp_path):
    verdicts(tmp_path / "cache.db")
    assert [v.reward for v in verdicts(tmp_path / "cache.db", partial=True)][:2] == [1.0, 0.85]


def test_another_standard_of_cpp_is_no_other_question_in_python(tmp_path):
    first = verdicts(tmp_path / "cache.db")
    assert verdicts(tmp_path / "cache.db", cpp_standard="c++20") == first


def test_another_time_limit_is_another_question(tmp_path):
    first = verdicts(tmp_path / "cache.db")
    assert [v.cpu_s for v in verdicts(tmp_path / "cache.db", time_limit_s=3.0)] != [v.cpu_s for v in first]


def test_identical_samples_on_their_way_are_run_once():
    slow = "import time\ndef f(x):\n    time.sleep(0.2)\n    return x * x"
    with open_verifier(VerifySettings(workers=1)) as verifier:
        found = list(verifier.verify_many([(SQUARE, slow)] * 8))
    assert len(set(found)) == 1 and found[0].passed


def test_a_file_that_is_no_cache_is_refused_in_one_sentence(tmp_path):
    wrong = tmp_path / "cache.db"
    wrong.write_text("not a database, but long enough to be looked at as one " * 20)
    with pytest.raises(VerifierError, match="cannot be used"):
        open_verifier(VerifySettings(), wrong)


SCRIPT = """
import sys
from pathlib import Path
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier

problem = Problem("n", "", tests=Tests("asserts", code=("assert f(1) == 2",)), entry_point="f")
codes = [f"def f(x): return x + {n % 3}  # {n}" for n in range(int(sys.argv[2]))]
with open_verifier(VerifySettings(workers=2), Path(sys.argv[1])) as verifier:
    for verdict in verifier.verify_many((problem, code) for code in codes):
        print(verdict.status, verdict.cpu_s, flush=True)
"""


@pytest.mark.slow
def test_a_killed_engine_leaves_nothing_behind_and_a_rerun_goes_on_from_the_cache(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cache.db"), "2000"]
    before = sandboxes()
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    early = [killed.stdout.readline() for _ in range(500)]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    deadline = time.monotonic() + 20
    while sandboxes() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sandboxes() <= before
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines(keepends=True)
    assert again[:500] == early  # their CPU times too: they were not run again
    assert [line.split()[0] for line in again] == [
        ["wrong_answer", "passed", "wrong_answer"][n % 3] for n in range(2000)
    ]


def test_a_cache_that_breaks_leaves_nobody_waiting(tmp_path):
    with open_verifier(VerifySettings(workers=1), tmp_path / "cache.db") as verifier:
        with sqlite3.connect(tmp_path / "cache.db") as other:
            other.execute("DROP TABLE outcomes")
        with pytest.raises(sqlite3.OperationalError):
            verifier.submit(SQUARE, CODES[0]).result(60)


def test_a_value_is_computed_once_for_a_problem_and_again_for_an_equal_one():
    computed = []
    known = PerProblem(lambda problem: computed.append(problem.task_id) or len(computed))
    first, equal = Problem("a", ""), Problem("a", "")
    assert [known.of(first), known.of(first), known.of(equal), known.of(first)] == [1, 1, 2, 1]


def test_only_the_newest_are_kept():
    computed = []
    known = PerProblem(lambda problem: computed.append(problem.task_id), max_problems=2)
    problems = [Problem(name, "") for name in "abc"]
    for problem in (*problems, problems[1], problems[0]):
        known.of(problem)
    assert computed == ["a", "b", "c", "a"]


def test_a_damaged_row_is_judged_again(tmp_path):
    first = verdicts(tmp_path / "cache.db")
    with sqlite3.connect(tmp_path / "cache.db") as other:
        other.execute("UPDATE outcomes SET outcome = '{\"status\": ' || key")
    assert [v.status for v in verdicts(tmp_path / "cache.db")] == [v.status for v in first]


def kept(cache):
    with sqlite3.connect(cache) as other:
        return other.execute("SELECT count(*) FROM outcomes").fetchone()[0]


def test_another_version_of_a_package_is_another_question(tmp_path, monkeypatch):
    for versions in (("numpy 1",), ("numpy 2",), ("numpy 1",)):
        monkeypatch.setattr("haloforge.verify.machine.usual_packages", lambda versions=versions: versions)
        with open_verifier(VerifySettings(workers=1), tmp_path / "cache.db") as verifier:
            assert verifier.verify(SQUARE, CODES[0]).passed
    assert kept(tmp_path / "cache.db") == 2


def test_hidden_tests_of_every_kind_are_part_of_the_question(tmp_path):
    shown, hidden = ("from solution import f\ndef test_a(): assert f(3) == 9",), ("def test_b(): assert f(2) == 4",)
    with open_verifier(VerifySettings(workers=1), tmp_path / "cache.db") as verifier:
        assert verifier.verify(Problem("p", "", tests=Tests("pytest", code=shown)), CODES[1]).passed
        both = Problem("p", "", tests=Tests("pytest", code=shown, hidden=hidden))
        assert verifier.verify(both, CODES[1]).status == "wrong_answer"


def burning(name, seconds):
    return f"import time\ndef f(x):\n    while time.process_time() < {seconds}: pass\n    return x  # {name}"


def returning_it(solution):
    return Problem("one id", "", tests=Tests("asserts", code=("assert f(3) == 3",)), solution=solution)


def test_a_problem_of_the_same_id_has_a_reference_of_its_own():
    slow, quick = returning_it(burning("r", 2.2)), returning_it("def f(x): return x")
    with open_verifier(VerifySettings(workers=1, time_limit_s=1.0)) as verifier:
        assert verifier.verify(slow, burning("a", 2.4)).passed
        assert verifier.verify(quick, burning("b", 2.4)).status == "timeout"


def test_a_timeout_is_not_kept_where_the_reference_could_not_be_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("haloforge.verify.trials.REFERENCE_CPU_S", 0.2)
    asleep = returning_it("import time\ndef f(x): time.sleep(900)")
    with open_verifier(VerifySettings(workers=1, time_limit_s=1.0), tmp_path / "cache.db") as verifier:
        assert verifier.verify(asleep, burning("a", 9)).status == "timeout"
    assert kept(tmp_path / "cache.db") == 0


def test_an_end_that_the_machine_may_have_caused_is_not_kept(tmp_path):
    killed = "import os\nos.kill(os.getpid(), 9)"
    with open_verifier(VerifySettings(workers=1), tmp_path / "cache.db") as verifier:
        problem = Problem("p", "", tests=Tests("stdio", cases=(Case("", "x"),)))
        assert verifier.verify(problem, killed).status == "runtime_error"
        assert verifier.verify(problem, "print('y')").status == "wrong_answer"
    assert kept(tmp_path / "cache.db") == 1
