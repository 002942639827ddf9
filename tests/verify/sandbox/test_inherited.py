"""A solution inherits nothing: no mark of another sample, a reference, a test or a key is in its reach.

Every secret of a run carries a mark and a letter: S for other samples, R for references, T for tests, J for the tests
that share a process with their solution, E for the environment, F for a file. A hunter is a hostile solution that
searches all memory, environment, descriptors and files that it can read, and says which letters it found. It hides Z.
"""

import pytest
from cheats import sections
from test_containment import available
from tools import COMMANDS, needs

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, verifier_at
from haloforge.verify.sandbox.levels import LEVELS
from haloforge.verify.sandbox.probe import isolation

MARK = "qzMark:"
HUNTERS = {name: code for name, (_, code) in sections("hunters.txt").items()}
MOCKED = """from unittest import mock
import solution
@mock.patch('math.pi', 3)
def test():
    assert solution.{}() == {!r}, 'qzMark:J'
"""


def hunter(language, *places):
    """The hostile program of a language; it knows the mark only in a changed form."""
    codes = [ord(letter) ^ 90 for letter in MARK]
    code = HUNTERS[language].replace("@PLACES@", repr(tuple(map(str, places))))
    return code.replace("@CODES@", ", ".join(map(str, codes))).replace("@LENGTH@", str(len(codes)))


def marked(number, ending):
    """A sample, of a few kilobytes or more, with its mark in source, heap and output, which then ends in one way."""
    return f"""
{"# qzMark:S of another sample" * 8**number}
KEPT = ["qzMark:S-%d" % n for n in range({number}, 200)]
print("qzMark:S")
try:
    open("qzMark:S of a file", "w").write("qzMark:S")
except OSError:
    pass
def f():
    return KEPT and {ending}
"""


ENDINGS = {
    "pass": "1",
    "fail": "2",
    "raise": "[][1]",
    "timeout": "[None for _ in iter(int, 1)]",
    "crash": "__import__('os').abort()",
}
REFERENCE = "# qzMark:R\n" * 2000 + "REFERENCE = 'qzMark:R' * 9\ndef f():\n    return 1\n"
SECRET = Tests(
    "asserts", setup="TOLD = 'qzMark:T'", code=("assert f() == 1, 'qzMark:T'",), hidden=("assert f() != 'qzMark:T'",)
)
JOINED = Tests("pytest", code=(MOCKED.format("f", 1).replace("qzMark:J", "qzMark:T"),))


def problem(number, tests, **more):
    return Problem(f"p{number}", "", tests=tests, **more)


def earlier_samples():
    """Problems and solutions that end in every way; after the timeout the engine runs the reference too."""
    for number, ending in enumerate(ENDINGS.values()):
        for kind, tests in (("split", SECRET), ("joined", JOINED)):
            if kind == "split" or ENDINGS["timeout"] != ending:
                yield problem(f"{kind}{number}", tests, solution=REFERENCE, entry_point="f"), marked(number, ending)
    stdio = Tests("stdio", cases=(Case("qzMark:T", "qzMark:T"),))
    yield problem("stdio", stdio, solution="# qzMark:R\nprint(input())"), "# qzMark:S\nprint(input(), 'qzMark:S')"


NOTHING = "'Z', 'qzMark:T'"
HUNTS = {
    "asserts": Tests("asserts", code=(f"assert hunt() == {NOTHING}",)),
    "check": Tests("check", code=(f"def check(f):\n    assert f() == {NOTHING}",)),
    "pytest": Tests("pytest", code=(f"def test():\n    assert hunt() == {NOTHING}",)),
    "joined": Tests("pytest", code=(MOCKED.format("hunt", "JZ"),)),
    "stdio": Tests("stdio", cases=(Case("", "Z"), Case("", "qzMark:T"))),
}
"""By kind of test; where a test shares the process, its own mark is found."""


def found(verifier, kind, language, *places):
    """What the hunter of that language should not have found; empty where all is well."""
    entry_point = "hunt" if kind in ("asserts", "check") else None
    hunt = problem(kind, HUNTS[kind], language=language, entry_point=entry_point)
    verdict = verifier.verify(hunt, hunter(language, *places))
    return "" if verdict.tests[:1] == ("passed",) else f"{kind}: {verdict.status}, {verdict.detail}"


def check_python(level, workers, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "qzMark:E")
    monkeypatch.setenv("OPENAI_API_KEY", "qzMark:E")
    (tmp_path / "problems.jsonl").write_text("qzMark:F")
    settings = VerifySettings(workers=workers, time_limit_s=1.0)
    with verifier_at(level, settings) as verifier:
        before = [verdict.status for verdict in verifier.verify_many(earlier_samples())]
        assert before[0] == "passed" and "timeout" in before and "unscored" not in before
        for _ in range(workers):
            assert [flaw for kind in HUNTS if (flaw := found(verifier, kind, "python", tmp_path))] == []


def test_a_solution_finds_nothing_of_others(tmp_path, monkeypatch):
    check_python(isolation().name, 1, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "workers"), [(level, n) for level in LEVELS for n in (1, 2)][1:]
)  # the first is above
def test_it_finds_nothing_at_any_level(level, workers, tmp_path, monkeypatch):
    """The first level with one worker is shown above, as it is below for C++."""
    check_python(available(level), workers, tmp_path, monkeypatch)


SAMPLES = {
    "cpp": '#include <cstdio>\nint main() {{ char s[99]; if (scanf("%s", s)) printf("qzMark:S %s", s); {} }}\n',
    "rust": 'fn main() {{ println!("qzMark:S"); {} }}\n',
    "go": 'package main\nimport "fmt"\nfunc main() {{ fmt.Println("qzMark:S"); {} }}\n',
    "javascript": "console.log('qzMark:S'); require('fs').writeFileSync('qzMark:S', 'qzMark:S'); {}",
    "java": 'class Main {{ public static void main(String[] a) {{ System.out.println("qzMark:S"); {} }} }}',
}
LAST_ACTS = {
    "cpp": ("", "for (;;);", "__builtin_trap();"),
    "rust": ("", "loop {}", "std::process::abort();"),
    "go": ("", "for {}", "panic(1)"),
    "javascript": ("", "for (;;);", "process.abort()"),
    "java": ("", "while (true);", "throw new Error();"),
}


def check_compiled(language, level, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "qzMark:E")
    secret = Tests("stdio", cases=(Case("qzMark:T", "qzMark:T"),))
    with verifier_at(level, VerifySettings(workers=1, type="auto", time_limit_s=1.0)) as verifier:
        for number, act in enumerate(LAST_ACTS[language]):
            reference = SAMPLES[language].format("").replace("qzMark:S", "qzMark:R")
            earlier = problem(number, secret, solution=reference, language=language)
            assert verifier.verify(earlier, SAMPLES[language].format(act)).status not in ("passed", "unscored")
        assert found(verifier, "stdio", language) == ""


def test_a_compiled_solution_finds_nothing_of_others(monkeypatch):
    needs("g++")
    check_compiled("cpp", isolation().name, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "level"), [(name, level) for name in SAMPLES for level in ("ns", "landlock")][1:])
def test_no_compiled_solution_does_at_any_level(language, level, monkeypatch):
    needs(*COMMANDS[language].split())
    check_compiled(language, available(level), monkeypatch)
