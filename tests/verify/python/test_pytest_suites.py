"""Tests written for pytest or unittest mean here what they mean there; what never runs has not passed."""

import pytest

from haloforge.records import Problem, Tests

CODE = "def f(x): return x\nasync def g(x): return x\ndef big(): return 1e9\ndef leave(n): raise SystemExit(n)"


def suite(code: str) -> Problem:
    return Problem("s", "", tests=Tests("pytest", setup="import pytest, unittest, asyncio", code=(code,)))


def case(body: str, base: str = "unittest.TestCase") -> str:
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"from solution import *\nclass T({base}):\n{lines}"


@pytest.mark.parametrize(
    "tests",
    [
        "from solution import *\nasync def test_a(): assert f(1) == 1",
        "from solution import *\nasync def test_a(): assert f(1) == 2",
        "from solution import *\ndef test_a(): yield f(1) == 1",
        "from solution import *\nasync def test_a(): yield f(1) == 2",
        "from solution import *\nasync def inner(): assert f(1) == 2\ndef test_a(): return inner()",
        "from solution import *\nclass Test:\n    async def test_a(self): assert f(1) == 2",
        "from solution import *\n@pytest.mark.asyncio\nasync def test_a(): assert f(1) == 2",
        case("async def test_a(self): self.assertEqual(f(1), 2)"),
        case("def test_a(self): yield self.assertEqual(f(1), 2)"),
        case("async def test_a(self): self.assertEqual(f(1), 2)", "unittest.IsolatedAsyncioTestCase"),
        case("@unittest.expectedFailure\ndef test_a(self): self.assertEqual(f(1), 1)"),
        "from solution import *\ndef test_a(): assert big() == pytest.approx(1e9 + 100, abs=1)",
        "from solution import *\ndef test_a(): assert f(1) == pytest.approx(True)",
        "from solution import *\ndef test_a(): assert f(float('inf')) == pytest.approx(1e308)",
        "from solution import *\ndef teardown_module(): assert f(1) == 2\ndef test_a(): assert f(1) == 1",
        "from solution import *\nclass TestA:\n    def teardown_class(cls): assert f(1) == 2\n"
        "    def test_a(self): assert f(1) == 1",
    ],
)
def test_what_fails_or_never_runs_there_has_not_passed_here(verifier, tests):
    verdict = verifier.verify(suite(tests), CODE)
    assert verdict.status == "wrong_answer" and verdict.tests_total == 1, verdict


@pytest.mark.parametrize(
    "tests",
    [
        "from solution import *\n@pytest.mark.asyncio\nasync def test_a(): assert f(1) == 1",
        case("async def test_a(self): self.assertEqual(f(1), 1)", "unittest.IsolatedAsyncioTestCase"),
        case("@unittest.expectedFailure\ndef test_a(self): self.assertEqual(f(1), 2)"),
        "from solution import *\ndef test_a(): assert big() == pytest.approx(1e9 + 0.5, abs=1)",
        "from solution import *\ndef test_a(): assert big() == pytest.approx(1e9 + 100)",
        "from solution import *\ndef test_a(): assert big() == pytest.approx(1e9 + 100, rel=1e-6, abs=1)",
        "from solution import *\ndef test_a(): assert f([1.0, 'a']) == pytest.approx([1 + 1e-9, 'a'])",
        "from solution import *\ndef test_a(): assert f(float('nan')) == pytest.approx(float('nan'), nan_ok=True)",
        "from solution import *\ndef test_a(): f(1) == 1; return 5",
        "from solution import *\ndef setup_module(module): module.N = 1\ndef test_a(): assert f(N) == 1",
        "from solution import *\nN = []\ndef setup_function(): N.append(1)\ndef test_a(): assert f(N) == [1]",
        "from solution import *\nclass TestA:\n    @classmethod\n    def setup_class(cls): cls.n = 1\n"
        "    def test_a(self): assert f(self.n) == 1",
        "def setUpModule():\n    global N\n    N = 1\n" + case("def test_a(self): self.assertEqual(f(N), 1)"),
        "from solution import *\nmath = pytest.importorskip('math')\ndef test_a(): assert f(math.pi) > 3",
        "from solution import *\ndef test_a():\n    with pytest.raises(SystemExit) as told: leave(3)\n"
        "    assert told.value.code == 3",
    ],
)
def test_what_passes_there_passes_here(verifier, tests):
    verdict = verifier.verify(suite(tests), CODE)
    assert verdict.status == "passed", verdict
