"""Programs are compiled once, and what is kept of them is used only when it is whole and this user's own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tools import COMMANDS, needs

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled.binaries import Binaries, key_of
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.verifier import verifier_at
from haloforge.verify.worker import Worker

KEY = key_of("a program")
LIMITS = Limits(cpu_s=2, wall_s=10, memory_mb=512)
DOUBLES = {
    "cpp": '#include <cstdio>\nint main() { int n, unused; if (scanf("%d", &n) == 1) printf("%d", 2 * n); }\n',
    "rust": "fn main() { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();\n"
    'println!("{}", 2 * line.trim().parse::<i32>().unwrap()); let unused = 1; }\n',
    "go": 'package main\nimport "fmt"\nfunc main() { var n int; fmt.Scan(&n); fmt.Println(2 * n); '
    'fmt.Sprintf("%s", 1) }\n',
}


@pytest.fixture
def binaries(tmp_path):
    return Binaries(tmp_path / "binaries")


def kept(binaries, tmp_path, content=b"#!program", key=KEY):
    source = tmp_path / "made"
    source.write_bytes(content)
    binaries.keep(key, source, "solution.cpp:1:1: warning: odd")
    return tmp_path / "binaries" / key


@pytest.mark.parametrize("language", sorted(DOUBLES))
def test_other_tests_of_a_program_do_not_compile_it_again(language, binaries, tmp_path):
    needs(COMMANDS[language])
    if isolation().name == "noopen":
        pytest.skip("compilers need to open files, which this machine's sandbox forbids")
    worker = Worker(VerifySettings(), isolation().name, binaries)
    try:
        judged = []
        for number, made in ((4, "8"), (5, "10"), (5, "11")):
            tests = Tests("stdio", cases=(Case(f"{number}\n", made),))
            judged.append(worker.judge(Problem("d", "", language=language, tests=tests), DOUBLES[language], LIMITS))
            (entry,) = (tmp_path / "binaries").iterdir()
            judged.append(entry.stat().st_ino)
    finally:
        worker.close()
    assert [outcome.status for outcome in judged[::2]] == ["passed", "passed", "wrong_answer"]
    assert judged[1] == judged[3] == judged[5], "it was compiled, and kept, once"
    assert all(outcome.has_warnings for outcome in judged[::2])
    assert judged[0].diagnostics == judged[2].diagnostics


def test_what_is_kept_comes_back_with_what_the_compiler_said(binaries, tmp_path):
    kept(binaries, tmp_path)
    assert binaries.fetch(KEY, tmp_path / "again") == "solution.cpp:1:1: warning: odd"
    assert (tmp_path / "again").read_bytes() == b"#!program"
    assert os.access(tmp_path / "again", os.X_OK)
    assert binaries.fetch(key_of("another"), tmp_path / "no") is None and not (tmp_path / "no").exists()


@pytest.mark.parametrize("cut", [0, 1, 31, 33, 40, -1])
def test_a_file_that_was_cut_short_is_not_used(binaries, tmp_path, cut):
    entry = kept(binaries, tmp_path)
    entry.write_bytes(entry.read_bytes()[:cut])
    assert binaries.fetch(KEY, tmp_path / "again") is None


def test_a_file_that_was_changed_or_stands_under_another_name_is_not_used(binaries, tmp_path):
    entry = kept(binaries, tmp_path)
    entry.rename(entry.with_name(key_of("another")))
    assert binaries.fetch(key_of("another"), tmp_path / "again") is None
    entry = kept(binaries, tmp_path)
    entry.write_bytes(entry.read_bytes().replace(b"#!program", b"#!another"))
    assert binaries.fetch(KEY, tmp_path / "again") is None
    entry.unlink()
    entry.symlink_to(kept(binaries, tmp_path, key=key_of("third")))
    assert binaries.fetch(KEY, tmp_path / "again") is None


def test_a_folder_that_others_may_enter_is_not_used(binaries, tmp_path):
    folder = kept(binaries, tmp_path).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o750)
    assert binaries.fetch(KEY, tmp_path / "again") is None


def test_a_compiler_that_was_tricked_into_leaving_a_link_gives_nothing_away(binaries, tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    binaries.keep(KEY, tmp_path / "link", "")
    assert list((tmp_path / "binaries").iterdir()) == []


def test_the_folder_stays_under_its_cap_and_keeps_what_was_used_last(tmp_path):
    binaries = Binaries(tmp_path / "binaries", cap_mb=1)
    for number in range(12):
        entry = kept(binaries, tmp_path, os.urandom(100_000), key_of(number))
        os.utime(entry, (number + 1, number + 1))
        binaries.fetch(key_of(0), tmp_path / f"used-{number}")
    names = {path.name for path in (tmp_path / "binaries").iterdir()}
    assert sum(path.stat().st_size for path in (tmp_path / "binaries").iterdir()) <= 1 << 20
    assert {key_of(0), key_of(11)} <= names and key_of(1) not in names


WRITER = """
import os, sys
from pathlib import Path
from haloforge.verify.compiled.binaries import Binaries
folder, source, key = map(Path, sys.argv[1:])
binaries = Binaries(folder)
print("ready", flush=True)
while True:
    binaries.keep(key.name, source, "said")
"""


def test_many_writers_and_a_kill_leave_the_whole_binary_or_none(binaries, tmp_path):
    source = tmp_path / "made"
    source.write_bytes(b"x" * 3_000_000)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "binaries"), str(source), KEY]
    for attempt in range(4):
        writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        for writer in writers:
            writer.stdout.readline()
        time.sleep(0.05 * attempt)
        found = binaries.fetch(KEY, tmp_path / f"again-{attempt}")
        assert found is None or (tmp_path / f"again-{attempt}").read_bytes() == source.read_bytes()
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        assert binaries.fetch(KEY, tmp_path / f"after-{attempt}") in ("said", None)
    binaries.keep(KEY, source, "said")
    assert binaries.fetch(KEY, tmp_path / "last") == "said"


def test_nothing_is_kept_where_programs_run_without_a_sandbox(monkeypatch, tmp_path):
    needs("g++")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with verifier_at(UNSAFE, VerifySettings(workers=1)) as verifier:
        tests = Tests("stdio", cases=(Case("4\n", "8"),))
        assert verifier.verify(Problem("d", "", language="cpp", tests=tests), DOUBLES["cpp"]).passed
    assert not (tmp_path / "halo-forge" / "binaries").exists()
