"""No output of a program, of a compiler or of a model costs the engine more than linear time.

All threads of the engine stand still while one of them is in a regular expression: one such output would freeze all.
"""

import pytest
from growth import LINEAR, per_doubling

from haloforge.languages import COMPILERS
from haloforge.records import TestOutcome
from haloforge.verify import VerifySettings
from haloforge.verify.comparison import comparison
from haloforge.verify.compiled.adapter import AppendedTests
from haloforge.verify.compiled.golang import main_of, parts_of, program_of
from haloforge.verify.compiled.headers import arguments_for
from haloforge.verify.compiled.judge import failed_assertion
from haloforge.verify.compiled.rust import without_unused_crates
from haloforge.verify.outcome import Outcome, verdict_of
from haloforge.verify.sandbox.streams import Ran
from haloforge.verify.sandbox.zygote import Exit

GO_TESTS = AppendedTests("", "", is_harness=True, main="package main")
ENDED = Exit(code=1, signal=None, cpu_s=0.0, memory_mb=0.0, by_wall_clock=False)


def ran(stdout: str = "", stderr: str = "") -> Ran:
    return Ran(ENDED, stdout.encode(), stderr.encode(), flooded=False, report=b"")


@pytest.mark.parametrize(
    ("work", "hostile"),
    [
        (lambda text: failed_assertion(ran(stderr=text), AppendedTests("", "done")), lambda n: "assertion " * n),
        (lambda text: failed_assertion(ran("FAIL\n" + text), GO_TESTS), lambda n: " " * n + "a.go:1" * n),
        (parts_of, lambda n: "/**/" * n + "x"),
        (parts_of, lambda n: "/*" * n + "x"),
        (parts_of, lambda n: "package a\nimport (" + "/**/" * n + "x"),
        (parts_of, lambda n: 'import "a"\n' * n),
        (parts_of, lambda n: "package a\nimport (" + "a " * n),
        (parts_of, lambda n: "package a\nimport (" + "a" * n),
        (lambda text: program_of(text, (), ""), lambda n: "a" * n),
        (lambda text: program_of(text, (), ""), lambda n: "a." * n),
        (lambda text: program_of(text, (), ""), lambda n: '"' + '\\"' * n),
        (lambda text: program_of(text, (), ""), lambda n: "'" + "\\'" * n),
        (lambda text: program_of(text, (), ""), lambda n: "x/*" * n),
        (lambda text: main_of(text, "done"), lambda n: "func Test" + " " * n),
        (without_unused_crates, lambda n: "use a\n" * n),
        (without_unused_crates, lambda n: "use a;\n" * n),
        (without_unused_crates, lambda n: "use a" + " " * n + ";x\n"),
        (without_unused_crates, lambda n: "".join(f"use a{i}::b{i};\n" for i in range(n))),
        (without_unused_crates, lambda n: "use a::{" + ", ".join(f"b{i}" for i in range(n)) + "};\n"),
        (lambda text: arguments_for(COMPILERS["gcc"], text), lambda n: "/**/" * n + "int"),
        (lambda text: arguments_for(COMPILERS["gcc"], text), lambda n: "//\n" * n + "int"),
        (lambda text: arguments_for(COMPILERS["gcc"], text), lambda n: "#" + " " * n + "include <" + "a" * n),
        (lambda text: arguments_for(COMPILERS["gcc"], text), lambda n: " " * n),
    ],
)
def test_what_a_program_or_its_source_says_is_read_in_linear_time(work, hostile):
    assert per_doubling(work, hostile) < LINEAR


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: "goroutine 1 [running]:" + "\n" * n,
        lambda n: "thread '" * n,
        lambda n: "thread 'a' (1" * n,
        lambda n: " at 0x" * n,
        lambda n: "goroutine 1 " * n,
    ],
)
def test_a_verdict_is_made_in_linear_time(hostile):
    def work(text: str) -> object:
        outcome = Outcome("runtime_error", text, tests=(TestOutcome("failed", text),), diagnostics=text)
        return verdict_of(outcome, VerifySettings(), "ns")

    assert per_doubling(work, hostile) < LINEAR


@pytest.mark.parametrize("rule", ["exact", "tokens", "float:1e-6"])
@pytest.mark.parametrize("unit", ["\n", "a ", "1e9 ", " ", "\r\n", "9"])
def test_an_output_is_compared_in_linear_time(rule, unit):
    agree = comparison(rule)
    assert per_doubling(lambda text: agree("1 2 3", text), lambda n: unit * n) < LINEAR
    assert per_doubling(lambda text: agree(text, text + "x"), lambda n: unit * n) < LINEAR
