"""Random hostile outputs: whatever a solution sends, there is a verdict, and nothing grows faster than its input.

`HALO_FORGE_FUZZ_S=600` makes them look for so many seconds, all together and by another seed each time (give pytest
`--timeout 900`); else a few examples are tried, the same in every run.
"""

import json
import os
import re
import time

import pytest
from growth import LINEAR, per_doubling
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from haloforge.answers import defines, extract_code, normal_form, substance, whole_program
from haloforge.generate.mbpp_3shot import extract
from haloforge.languages import COMPILERS
from haloforge.records import STATUSES, Case, Problem, Tests, dumps
from haloforge.verify import Verifier, VerifySettings, open_verifier
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.box.protocol.codec import decode
from haloforge.verify.compiled.adapter import AppendedTests
from haloforge.verify.compiled.build import Built, said_in
from haloforge.verify.compiled.golang import parts_of, program_of
from haloforge.verify.compiled.headers import arguments_for
from haloforge.verify.compiled.judge import failed_assertion
from haloforge.verify.compiled.rust import without_unused_crates
from haloforge.verify.outcome import Outcome, verdict_of
from haloforge.verify.sandbox.streams import Ran
from haloforge.verify.sandbox.zygote import Exit
from haloforge.verify.stdio import failure_of

SECONDS = float(os.environ.get("HALO_FORGE_FUZZ_S", "0")) / 8
"""For each of the properties in this file; 0: a few examples."""
VERDICTS = frozenset(STATUSES) - {"unscored", "passed"}
SECRET = "what no solution can know"


def looking(examples: int) -> settings:
    """So many examples; as many as fit into the seconds that were asked for."""
    return settings(
        max_examples=int(SECONDS * 40) or examples,
        derandomize=not SECONDS,
        database=None,
        phases=[Phase.generate, Phase.shrink] if SECONDS else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class _Clock:
    """Ends a search in time: Hypothesis itself counts examples only."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def is_over(self, name: str) -> bool:
        return SECONDS > 0 and time.monotonic() - self.began.setdefault(name, time.monotonic()) > SECONDS


CLOCK = _Clock()
CPP = Problem("p", "int f() {\n", "cpp", Tests("program", code=("}",)), entry_point="f", meta={"prompt_is_code": True})
GO = Problem("p", "func f() {\n", "go", Tests("program", code=("}",)), meta={"prompt_is_code": True})
RUST = Problem("p", "fn f() {\n", "rust", Tests("program", code=("}",)), meta={"prompt_is_code": True})
JAVA = Problem("p", "class P {\n  int f() {\n", "java", Tests("program", code=("}",)), meta={"prompt_is_code": True})
SCRIPT = Problem("p", "function f(){\n", "javascript", Tests("program", code=("}",)), entry_point="f")
PYTHON = Problem("p", "def f(x):\n", tests=Tests("stdio"), entry_point="f", meta={"prompt_is_code": True})
POSED = (PYTHON, CPP, GO, RUST, JAVA, SCRIPT)
ENDED = Exit(code=1, signal=None, cpu_s=0.0, memory_mb=0.0, by_wall_clock=False)


def ran(text: str) -> Ran:
    said = text.encode(errors="replace")
    return Ran(ENDED, said, said, flooded=False, report=b"")


READERS = {
    "assertion": lambda text: failed_assertion(ran(text), AppendedTests("", "done", is_harness=True)),
    "complaint of Go": lambda text: failed_assertion(ran(text + "\nFAIL"), AppendedTests("", "", main="main")),
    "failure": lambda text: failure_of(ran(text), Limits(1, 1, 64)),
    "compiler": lambda text: said_in("/tmp/halo-forge-a/b", ran(text)),
    "warnings": lambda text: Built(diagnostics=text).warns(3),
    "headers": lambda text: arguments_for(COMPILERS["gcc"], text),
    "parts of Go": parts_of,
    "program of Go": lambda text: program_of(text, ('import "os"',), ""),
    "crates": without_unused_crates,
    "verdict": lambda text: verdict_of(Outcome("runtime_error", text, diagnostics=text), VerifySettings(), "ns"),
    "fenced": lambda text: extract(text, PYTHON),
    **{f"code in {p.language}": lambda text, p=p: extract_code(text, p) for p in POSED},
    **{f"whole {p.language}": lambda text, p=p: whole_program(p, text) for p in POSED},
    **{f"normal {p.language}": lambda text, p=p: normal_form(text, p.language) for p in POSED},
    **{f"substance of {p.language}": lambda text, p=p: substance(text, p.language) for p in POSED},
    **{f"names of {p.language}": lambda text, p=p: defines(text, "f", p.language) for p in POSED},
}
SIGNS = r"""
    \n \t _ \ " ' ` ``` ~~~ # // /* */ /**/ ( ) [ ] { } < > <> ; : , . = == ! & | * + - -> :: 0 9 0x a f f( x\n é \r \f
    use_ use_a; import_ package func_ fn_ def_ class_ int_ return assert_ assertion_ failed error warning:
    solution.go:1:1: solution.cpp:1:1:_warning: panic: goroutine_1_ thread_' panicked _at_0x1 #include <bits/stdc++.h>
    #if_0 R" r#" template_ public_ static_ void_main( const_ function_ => 
    let_ pub_ if_ else lambda: for_ in_ not_ and_ @ ''' MemoryError fatal_error: -->
    /tmp/halo-forge-a/b/
"""
WRITTEN = {"_": " ", "\\n": "\n", "\\t": "\t", "\\r": "\r", "\\f": "\f"}
FRAGMENTS = [re.sub(r"_|\\[ntrf]", lambda found: WRITTEN[found[0]], sign) for sign in SIGNS.split()]
PIECES = st.lists(st.sampled_from(FRAGMENTS), max_size=4).map("".join)


@given(st.sampled_from(sorted(READERS)), PIECES, PIECES.filter(bool), PIECES)
@looking(40)
def test_no_text_takes_more_than_linear_time_to_read(reader, before, unit, after):
    if CLOCK.is_over("read"):
        return
    growth = per_doubling(READERS[reader], lambda n: before + unit * n + after)
    assert growth < LINEAR, (reader, before, unit, after)


NUMBERS = st.integers(-3, 3) | st.sampled_from([2**61 - 1, 2**200, -(10**4000)])
TEXTS = st.text(max_size=6) | st.sampled_from(["ab", "0x1f", "1e99"])
ATOMS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS
TAGS = """
    int tuple dict set frozenset bytes bytearray complex range Decimal Fraction Counter OrderedDict defaultdict deque
    keys values items date time datetime timedelta Ellipsis NotImplemented type ndarray scalar handle home plain
    argument class kind
"""
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(TAGS.split()), inner, max_size=2),
    max_leaves=12,
)


@given(VALUES)
@looking(150)
def test_a_claimed_value_is_taken_or_refused(value):
    if CLOCK.is_over("value"):
        return
    try:
        decode(json.loads(json.dumps(value)), lambda handle: "proxy")
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError):
        return


@given(
    st.sampled_from(["tuple", "set", "frozenset", "keys", "values", "bytes", "int", "deque", "Counter", "dict"]), ATOMS
)
@looking(25)
def test_no_claimed_value_takes_more_than_linear_time_to_take(tag, atom):
    if CLOCK.is_over("claim"):
        return

    def claimed(size: int) -> object:
        members = [(atom if isinstance(atom, int) else 1) + n * (2**61 - 1) for n in range(size)]
        in_hex = [{"int": hex(member)} for member in members]
        bodies = {"bytes": "ab" * size, "int": "f" * size, "deque": [in_hex, None]}
        pairs = [[key, atom] for key in in_hex]
        return {tag: bodies.get(tag) or (pairs if tag in ("Counter", "dict") else in_hex)}

    def work(value: object) -> None:
        try:
            decode(value, lambda handle: None)
        except (ValueError, TypeError):
            return

    assert per_doubling(work, claimed) < LINEAR, (tag, atom)


ANSWERS = st.tuples(NUMBERS, st.sampled_from(["value", "error", "last", "ask", "answer", "refused"]), VALUES, VALUES)
MESSAGES = (
    ANSWERS.map(list) | VALUES | st.dictionaries(st.sampled_from(["ready", "warnings", "syntax", "failed"]), VALUES)
)
BYTES = st.binary(max_size=12) | MESSAGES.map(lambda message: framed(json.dumps(message).encode()))
EXPECTS = f"assert f(1) == {SECRET!r}"
ASSERTING = Problem("f", "", tests=Tests("asserts", code=(EXPECTS,), time_limit_s=1.0), entry_point="f")
INSPECTS = f"import inspect\ndef check(f):\n    inspect.stack()\n    {EXPECTS}"
JOINED = Problem("f", "", tests=Tests("check", code=(INSPECTS,), time_limit_s=1.0), entry_point="f")
PRINTING = Problem("f", "", tests=Tests("stdio", cases=(Case("", SECRET),), time_limit_s=1.0))
WRITES = """
import os, threading
def write(data):
    threading.Timer(0.1, lambda: os._exit(0)).start()  # else it may wait for ever, as its tests do
    for fd in range(3, 32):
        try: os.write(fd, data)
        except OSError: pass
"""


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + payload


def status_of(verifier: Verifier, problem: Problem, code: str) -> str:
    """The status, of a verdict that can be stored and shown."""
    verdict = verifier.verify(problem, code)
    note(verdict.detail)
    assert json.loads(dumps(verdict.to_json()).encode())
    return verdict.status


@given(st.lists(BYTES, max_size=4).map(b"".join), st.sampled_from(["return 1", "os._exit(0)", "raise OSError(data)"]))
@looking(60)
def test_any_frames_end_in_a_verdict(verifier, data, end):
    if CLOCK.is_over("frames"):
        return
    code = f"{WRITES}data = {data!r}\ndef f(x):\n    write(data)\n    {end}"
    assert status_of(verifier, ASSERTING, code) in VERDICTS
    at_once = f"{WRITES}write({data!r})\ndef f(x): return x"
    assert status_of(verifier, ASSERTING, at_once) in VERDICTS


REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "end": st.sampled_from(["done", "gone", "load", "syntax", "missing"]) | VALUES,
        "outcomes": st.lists(st.sampled_from(["passed", "failed", "x"])) | VALUES,
        "errors": st.lists(st.sampled_from(["wrong", "memory", "error", "none"])) | VALUES,
        "warnings": VALUES,
        "calls": NUMBERS | VALUES,
        "classes": VALUES,
        "detail": VALUES,
        "forgeable": VALUES,
    },
)


@given(REPORTS | VALUES)
@looking(40)
def test_any_report_of_a_joined_solution_is_a_verdict_and_marked(verifier, report):
    if CLOCK.is_over("report"):
        return
    frame = framed(json.dumps(report).encode())
    verdict = verifier.verify(JOINED, f"{WRITES}def f(x):\n    write({frame!r})\n    os._exit(0)")
    assert verdict.forgeable and (verdict.status in VERDICTS or verdict.status in ("passed", "unscored")), verdict
    assert "verification itself failed" not in verdict.detail
    assert json.loads(dumps(verdict.to_json()).encode())


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(-1, 260))
@looking(25)
def test_any_output_is_a_verdict(verifier, stdout, stderr, code):
    if CLOCK.is_over("output"):
        return
    program = f"import os\nos.write(1, {stdout!r})\nos.write(2, {stderr!r})\nos._exit({code} & 255)"
    assert status_of(verifier, PRINTING, program) in VERDICTS


@given(st.text(st.characters(), max_size=40) | PIECES)
@looking(25)
def test_any_text_as_a_program_is_a_verdict(verifier, text):
    if CLOCK.is_over("program"):
        return
    for problem in (ASSERTING, PRINTING):
        assert status_of(verifier, problem, text) in VERDICTS


@pytest.fixture(scope="module")
def repeating():
    """A verifier whose command prints the solution: its last line is the verdict."""
    with open_verifier(VerifySettings(type="custom", command=("cat", "{file}"), workers=1)) as verifier:
        yield verifier


LINES = st.fixed_dictionaries(
    {}, optional={"status": st.sampled_from(STATUSES) | VALUES, "detail": VALUES, "tests_passed": VALUES}
)


@given(LINES.map(json.dumps) | st.integers(1, 9999).map(lambda n: "[" * n) | st.text(max_size=20))
@looking(20)
def test_any_line_of_a_command_is_a_verdict(repeating, line):
    if CLOCK.is_over("line"):
        return
    verdict = repeating.verify(ASSERTING, f"x\n{line}")
    assert verdict.status in STATUSES and "verification itself failed" not in verdict.detail, verdict
    assert json.loads(dumps(verdict.to_json()).encode())
