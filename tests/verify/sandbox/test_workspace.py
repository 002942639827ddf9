"""Each sample has an empty folder to write in, which its tests see too, and which is gone afterwards."""

import pytest
from test_containment import available
from tools import COMMANDS, needs

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.worker import Worker

LIMITS = Limits(cpu_s=4, wall_s=20, memory_mb=512)
WITH_FILES = ["ns", "landlock"]


@pytest.fixture(scope="module", params=WITH_FILES)
def worker(request):
    worker = Worker(VerifySettings(), available(request.param))
    yield worker
    worker.close()


def judged(worker, program, kind="asserts", language="python", **tests):
    return worker.judge(Problem("w", "", language, Tests(kind, **tests)), program, LIMITS)


COUNTING = """
def count(path):
    with open(path) as file:
        return len(file.read().split())
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
"""
SHARED = """
import os, tempfile, unittest
class Test(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
    def test_what_the_test_writes(self):
        path = os.path.join(self.folder, "in.txt")
        with open(path, "w") as file:
            file.write("one two three")
        self.assertEqual(count(path), 3)
    def test_what_the_solution_writes(self):
        write("out.txt", "hello")
        self.assertEqual(open("out.txt").read(), "hello")
"""


def test_solution_and_tests_see_the_same_folder(worker):
    outcome = judged(worker, COUNTING, "pytest", code=(SHARED,))
    assert outcome.status == "passed" and not outcome.forgeable, outcome


def test_so_they_do_in_one_process(worker):
    outcome = judged(
        worker,
        COUNTING,
        "pytest",
        code=(f"from unittest import mock\nfrom solution import *\nmock.patch('math.pi', 3)\n{SHARED}",),
    )
    assert outcome.status == "passed" and outcome.forgeable, outcome


EXPECTS = """
from pathlib import Path
def test():
    Path("in.txt").write_text("1 2")
    {}
    solve()
    assert Path("out.txt").read_text() == {}
"""
BY_FILE = 'Path("expected.txt").write_text("3")', 'Path("expected.txt").read_text()'
BY_DATABASE = (
    "import sqlite3; d = sqlite3.connect('d'); d.execute('CREATE TABLE t AS SELECT 3 AS n'); d.commit()",
    "d.execute('SELECT n FROM t').fetchone()[0]",
)
CHEAT = """
import sqlite3
def solve():
    for name in ("out.txt", "expected.txt"):
        open(name, "w").write("0")
    d = sqlite3.connect("d")
    d.execute("CREATE TABLE IF NOT EXISTS t (n)")
    d.execute("UPDATE t SET n = '0'")
    d.commit()
"""
HONEST = "def solve(): open('out.txt', 'w').write(str(sum(map(int, open('in.txt').read().split()))))"


@pytest.mark.parametrize("expectation", [BY_FILE, BY_DATABASE])
def test_a_pass_by_files_that_the_solution_may_have_changed_is_marked(worker, expectation):
    outcome = judged(worker, CHEAT, "pytest", code=(EXPECTS.format(*expectation),))
    assert (outcome.status, outcome.forgeable) == ("passed", True), outcome


def test_a_pass_by_what_the_solution_wrote_is_not(worker):
    outcome = judged(worker, HONEST, "pytest", code=(EXPECTS.format("", '"3"'),))
    assert (outcome.status, outcome.forgeable) == ("passed", False), outcome


USES = {
    "a file in the working folder": "open('x.txt', 'w').write('29')\n    return int(open('x.txt').read())",
    "a folder": "os.makedirs('a/b')\n    os.rename('a/b', 'c')\n    return 29 * os.path.isdir('c')",
    "a temporary folder": "with tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').write('29')\n    return 29",
    "a temporary file": "with tempfile.NamedTemporaryFile() as f: return f.write(b'x' * 29)",
    "a nameless file": "with tempfile.TemporaryFile() as f: return f.write(b'x' * 29)",
    "a database": "return database()",
    "a copy": "open('x', 'w').write('29')\n    shutil.copy2('x', 'y')\n    return int(open('y').read())",
    "a path": "p = pathlib.Path('x')\n    p.touch()\n    p.chmod(0o600)\n    return p.write_text('x' * 29)",
    "home": "p = pathlib.Path.home() / 'x'\n    p.write_text('29')\n    return int(p.read_text())",
}


PROGRAM = """
import os, pathlib, shutil, sqlite3, tempfile
def database():
    with sqlite3.connect('d.db') as connection:
        connection.execute('CREATE TABLE t (n)')
        connection.execute('INSERT INTO t VALUES (29)')
    return sqlite3.connect('d.db').execute('SELECT n FROM t').fetchone()[0]
def f():
    {}
"""


@pytest.mark.parametrize("use", USES)
def test_what_honest_programs_do_with_files_works(worker, use):
    code = PROGRAM.format(USES[use])
    outcome = judged(worker, code, code=("assert f() == 29",))
    assert outcome.status == "passed", outcome


LIST = "import os\nprint(sorted(os.listdir('.')), os.getcwd() == os.environ['TMPDIR'])\n"
LITTER = {
    "a file": "open('x', 'w').write('1')",
    "hidden": "os.makedirs('.a/.b', 0o700); open('.a/.b/c', 'w'); os.chmod('.a', 0)",
    "deep": "for n in range(300): os.mkdir('d'); os.chdir('d')",
    "unreadable": "os.mkdir('a', 0); os.close(os.open('b', os.O_CREAT, 0))",
    "a crash": "open('x', 'w').write('1'); os.abort()",
    "a lost folder": "os.chmod('.', 0)",
}


@pytest.mark.parametrize("litter", LITTER)
def test_the_folder_is_empty_again_for_the_next(worker, litter):
    cases = (Case("", ""),)
    assert judged(worker, f"import os\n{LITTER[litter]}", "stdio", cases=cases).status in ("passed", "runtime_error")
    empty = judged(worker, LIST, "stdio", cases=(Case("", "[] True"), Case("", "[] True")))
    assert empty.status == "passed", empty


def test_the_rest_stays_read_only(worker):
    code = """
import os, pathlib
for path in ("/tmp/x", "/x", "/dev/shm/x", "../x", "/etc/x", os.path.dirname(os.__file__) + "/x.py"):
    try:
        open(path, "w")
        print("wrote", path)
    except OSError:
        pass
os.chmod(os.__file__, 0) if os.access(os.__file__, os.W_OK) else None
for action in (lambda: os.rmdir(os.getcwd()), lambda: os.rename(os.getcwd(), "../gone")):
    try:
        action()
        print("removed")
    except OSError:
        pass
"""
    outcome = judged(worker, code, "stdio", cases=(Case("", ""),))
    assert outcome.status == "passed", outcome


FLOODS = {
    "bytes": "for n in range(12): open(f'x{n}', 'wb').write(bytes(8 << 20))",
    "files": "for n in range(20_000): os.close(os.open(f'x{n}', os.O_CREAT))",
}


@pytest.mark.parametrize("flood", FLOODS)
def test_it_is_bounded(worker, flood):
    code = f"import os, time\ntry:\n    {FLOODS[flood]}\n    time.sleep(9)\nexcept OSError: print('full')"
    outcome = judged(worker, code, "stdio", cases=(Case("", "full"),))
    assert outcome.status in ("passed", "output_limit"), outcome
    assert judged(worker, LIST, "stdio", cases=(Case("", "[] True"),)).status == "passed"


def test_nothing_is_left_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker = Worker(VerifySettings(), isolation().name)
    try:
        judged(worker, "open('x', 'w').write('1')", "stdio", cases=(Case("", ""),))
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    finally:
        worker.close()
    assert list(tmp_path.iterdir()) == []


PROGRAMS = {
    "cpp": '#include <cstdio>\nint main() { FILE *f = fopen("x", "w"); puts(f && fputs("1", f) >= 0 ? "ok" : "no"); }',
    "rust": 'fn main() { println!("{}", if std::fs::write("x", "1").is_ok() { "ok" } else { "no" }); }',
    "go": """
package main
import ("fmt"; "os")
func main() { if os.WriteFile("x", nil, 0600) == nil { fmt.Println("ok") } }
""",
    "javascript": "require('fs').writeFileSync('x', '1'); console.log('ok')",
    "java": """
import java.nio.file.*;
public class Main {
    public static void main(String[] a) throws Exception {
        Files.writeString(Path.of("x"), "1");
        System.out.println("ok");
    }
}
""",
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_compiled_programs_have_it_too(language):
    needs(*COMMANDS[language].split())
    worker = Worker(VerifySettings(type="auto"), available("landlock") if language != "cpp" else isolation().name)
    try:
        outcome = judged(worker, PROGRAMS[language], "stdio", language, cases=(Case("", "ok"), Case("", "ok")))
        assert outcome.status == "passed", outcome
    finally:
        worker.close()
