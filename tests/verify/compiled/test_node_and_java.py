"""JavaScript, TypeScript and Java: each way to end has its status, and tests in the same program are what they say."""

from dataclasses import replace

import pytest
from tools import COMMANDS, needs

from haloforge.errors import VerifierError
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier

CASES = (Case("1 2\n", "3\n"), Case("5 6\n", "11\n"))
ADDS = {
    "javascript": 'const [a, b] = require("fs").readFileSync(0, "utf8").split(" ").map(Number);\nconsole.log(a + b);\n',
    "typescript": 'import * as fs from "fs";\nconst [a, b]: number[] = fs.readFileSync(0, "utf8")\n'
    "  .split(' ').map(Number);\nconsole.log(a + b);\n",
    "java": "import java.util.*;\n\npublic class Adds {\n  public static void main(String[] args) {\n"
    "    Scanner in = new Scanner(System.in);\n    int a = in.nextInt(), b = in.nextInt();\n"
    "    System.out.println(a + b);\n  }\n}\n",
}
PRINTS = {"javascript": "console.log(a + b)", "typescript": "console.log(a + b)", "java": "System.out.println(a + b)"}
NODE = {
    "console.log(3)": ("wrong_answer", "test 2: expected '11', got '3'"),
    "JSON.parse('{')": ("runtime_error", "test 1: SyntaxError: "),
    "process.exit(3)": ("runtime_error", "test 1: exit code 3"),
    "for (;;);": ("timeout", ""),
    "for (const all = []; ; ) all.push(new Array(100000).fill(a))": ("memory_limit", ""),
    'for (;;) require("fs").writeSync(1, "flood ".repeat(10000))': ("output_limit", ""),
}
ENDS = {
    "javascript": NODE | {"let let = 1": ("compile_error", "solution.js:2:1: error: SyntaxError: ")},
    "typescript": {
        "let s: string = a": (
            "compile_error",
            "solution.ts:4:5: error TS2322: Type 'number' is not",
        ),
        "null.x": ("compile_error", "solution.ts:4:1: error TS2531: "),
        'console.log(JSON.parse("[").x)': ("runtime_error", "test 1: SyntaxError: "),
    },
    "java": {
        "System.out.println(3)": ("wrong_answer", "test 2: expected '11', got '3'"),
        "System.out.println(a / (b - b))": (
            "runtime_error",
            'test 1: Exception in thread "main" java.lang.ArithmeticException: / by zero',
        ),
        "while (b > 0)": ("timeout", ""),
        "List<int[]> all = new ArrayList<>(); while (b > 0) all.add(new int[1 << 20])": ("memory_limit", ""),
        'while (b > 0) System.out.println("flood ".repeat(10000))': ("output_limit", ""),
        "String s = a": ("compile_error", "solution.java:7:16: error: incompatible types"),
    },
}


@pytest.mark.parametrize("language", ADDS)
def test_each_way_to_end_has_its_status(language, verifier):
    needs(COMMANDS[language])
    problem = Problem("sum", "", language=language, tests=Tests("stdio", cases=CASES, time_limit_s=1.0, memory_mb=256))
    patient = replace(problem, tests=replace(problem.tests, time_limit_s=10.0))  # a full heap is cleaned for a second
    verifier.check([problem, patient])
    ends = ENDS[language].items()
    asked = [(patient if wanted[0] == "memory_limit" else problem, end) for end, wanted in ends]
    codes = [(given, ADDS[language].replace(PRINTS[language], end)) for given, end in asked]
    verdicts = list(verifier.verify_many([(problem, ADDS[language]), *codes]))
    assert verdicts[0].reward == 1.0, verdicts[0]
    for (end, (status, detail)), verdict in zip(ends, verdicts[1:], strict=True):
        assert (verdict.status, verdict.detail.startswith(detail)) == (status, True), (end, verdict)


def test_a_program_of_javascript_may_be_a_module(verifier):
    needs("node")
    problem = Problem("sum", "", language="javascript", tests=Tests("stdio", cases=CASES))
    code = 'import { readFileSync } from "node:fs";\nconst text = await Promise.resolve(readFileSync(0, "utf8"));\n'
    code += 'console.log(text.split(" ").map(Number).reduce((a, b) => a + b));\n'
    assert verifier.verify(problem, code).passed
    broken = verifier.verify(problem, code.replace("await", "await await = "))
    assert (broken.status, broken.detail[:16]) == ("compile_error", "solution.js:1:1:")


READS = """
const add = (text) => console.log(text.split(" ").map(Number).reduce((a, b) => a + b));
"""


@pytest.mark.parametrize(
    "code",
    [
        'add(require("fs").readFileSync("/dev/stdin", "utf8"));',
        'add(require("fs").readFileSync(0).toString());',
        'require("fs").promises.readFile("/dev/stdin", "utf8").then(add);',
        'let t = ""; process.stdin.on("data", (part) => { t += part; }).on("end", () => add(t));',
        'const rl = require("readline").createInterface({ input: process.stdin });\nrl.on("line", add);',
        'require("readline").createInterface({ input: require("fs").createReadStream("/dev/stdin") }).on("line", add);',
        'import * as fs from "fs";\nadd(fs.readFileSync("/dev/stdin", "utf8"));',
        'import { readFileSync } from "node:fs";\nadd(readFileSync("/dev/stdin", "utf8"));',
        'import readline from "readline";\n'
        "for await (const line of readline.createInterface(process.stdin)) add(line);",
    ],
)
def test_standard_input_is_read_in_every_way(code, verifier):
    needs("node")
    problem = Problem("sum", "", language="javascript", tests=Tests("stdio", cases=CASES))
    verdict = verifier.verify(problem, READS + code)
    assert verdict.passed, verdict


WRITES = {
    "javascript": 'const fs = require("fs"), os = require("os"), path = require("path");\n'
    'fs.writeFileSync("x.txt", "3");\nconst f = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "t-")), "y");\n'
    'fs.writeFileSync(f, "3");\nconsole.log(fs.readFileSync("x.txt", "utf8") + fs.readFileSync(f, "utf8"));\n',
    "java": "import java.nio.file.*;\npublic class Writes { public static void main(String[] args) throws Exception {\n"
    'Files.writeString(Path.of("x.txt"), "3");\nPath f = Files.createTempFile("t", "y");\n'
    'Files.writeString(f, "3");\nSystem.out.println(Files.readString(Path.of("x.txt")) + Files.readString(f)); } }\n',
}


@pytest.mark.parametrize("language", WRITES)
def test_a_program_may_write_to_a_folder_of_its_own(language, verifier):
    needs(COMMANDS[language])
    problem = Problem("write", "", language=language, tests=Tests("stdio", cases=(Case("", "33\n"), Case("", "33\n"))))
    verdict = verifier.verify(problem, WRITES[language])
    assert verdict.passed, verdict


def test_java_warns_about_what_is_unchecked_and_needs_a_main(verifier):
    needs("javac java")
    untested = Problem("n", "", language="java")
    clean = "class Any { public static void main(String... args) { System.out.println(args.length); } }"
    raw = clean.replace("System", "java.util.List all = new java.util.ArrayList(); all.add(1); System")
    rewards = [verifier.verify(untested, code).reward for code in (clean, raw, "class Any { int f() { return g(); } }")]
    assert rewards == [0.5, 0.3, 0.0]
    without = verifier.verify(untested, "class Any { int f(int x) { return x + 1; } }")
    assert (without.status, without.detail) == ("compile_error", "no complete program: it has no main function")


@pytest.mark.parametrize(
    ("language", "code", "status"),
    [
        ("javascript", "function f(x) { return x + 1; }", "no_code"),
        ("javascript", "const f = (x) => x + 1;\nmodule.exports = { f };", "no_code"),
        ("javascript", "console.log([1, 2].map((x) => x + 1));", "passed"),
        ("typescript", "export const f = (x: number): number => x + 1;", "no_code"),
        ("typescript", "class A { go(): void { console.log(1); } }\nnew A().go();", "passed"),
        ("java", "public class A { public static void main(String[] args) { } }", "no_code"),
    ],
)
def test_a_program_without_tests_must_do_something(language, code, status, verifier):
    needs(COMMANDS[language])
    assert verifier.verify(Problem("n", "", language=language), code).status == status


WAITING = (
    "const assert = require('assert');\nasync function test() {\n  assert.equal(await twice(2), 4);\n"
    "  assert.equal(await twice(3), 6);\n}\ntest();\n"
)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("async function twice(n) {\n  return 2 * n;\n}", "passed"),
        ("const twice = (n) => new Promise((settle) => setTimeout(settle, 5, 2 * n));", "passed"),
        ("async function twice(n) {\n  return 4;\n}", "wrong_answer"),
        ("async function twice(n) {\n  throw new TypeError('later');\n}", "runtime_error"),
        ("const twice = (n) => new Promise(() => {});", "exited_early"),
    ],
)
def test_tests_that_wait_for_promises_are_waited_for(code, status, verifier):
    needs("node")
    problem = Problem("twice", "", language="javascript", tests=Tests("program", code=(WAITING,)))
    assert verifier.verify(problem, code).status == status


TWICE = {
    "javascript": "const assert = require('assert');\nassert.equal(twice(2), 4);\nassert.equal(twice(3), 6);",
    "java": "class Tests {\n  public static void main(String[] args) {\n    assert Twice.twice(2) == 4;\n"
    '    if (Twice.twice(3) != 6) throw new AssertionError("twice 3");\n  }\n  static void unused() { }\n}\n',
}
JAVA = "class Twice {{ static int twice(int n) {{ {body} return 0; }} {more} }}"
FORGED = {
    "javascript": {
        "function twice(n) { process.exit(0); }": "exited_early",
        "function twice(n) { process.reallyExit(0); }": "exited_early",
        "console.log('tests-done-' + '0'.repeat(24)); process.exit(0);": "exited_early",
        "console.log = () => {}; const twice = (n) => 0;": "wrong_answer",
        "process.on('uncaughtException', () => process.exit(0)); const twice = (n) => 0;": "exited_early",
        "process.on('exit', () => { process.exitCode = 0; }); const twice = (n) => 0;": "exited_early",
        "function twice(n) { throw new (require('assert').AssertionError)({ message: 'x' }); }": "wrong_answer",
        "require('assert').equal = () => {}; const twice = (n) => 0;": "passed",
    },
    "java": {
        JAVA.format(body="System.exit(0);", more=""): "exited_early",
        JAVA.format(body="Runtime.getRuntime().halt(0);", more=""): "exited_early",
        JAVA.format(body='System.out.println("tests-done-000000000000000000000000"); System.exit(0);', more=""): (
            "exited_early"
        ),
        JAVA.format(body="", more="static { System.setOut(null); }"): "wrong_answer",
        JAVA.format(
            body="Thread.setDefaultUncaughtExceptionHandler((t, e) -> Runtime.getRuntime().halt(0));", more=""
        ): "exited_early",
        JAVA.format(
            body='try (var in = Twice.class.getResourceAsStream("/META-INF/MANIFEST.MF")) { System.out.println('
            'new java.util.jar.Manifest(in).getMainAttributes().getValue("Last-Line")); } '
            "catch (java.io.IOException e) { } System.out.flush(); System.exit(0);",
            more="",
        ): "passed",
    },
}


@pytest.mark.parametrize("language", FORGED)
def test_what_forges_a_pass_is_marked_and_the_plain_ways_do_not(language, verifier):
    needs(COMMANDS[language])
    problem = Problem("twice", "", language=language, tests=Tests("program", code=(TWICE[language],)))
    verdicts = list(verifier.verify_many((problem, code) for code in FORGED[language]))
    found = {code: verdict.status for code, verdict in zip(FORGED[language], verdicts, strict=True)}
    assert found == FORGED[language]
    assert all(verdict.forgeable for verdict in verdicts if verdict.passed)


PAIRED = Problem(
    "pair",
    "",
    language="java",
    tests=Tests(
        "program",
        code=(
            "import org.javatuples.*;\nclass Tests { public static void main(String[] args) {"
            " if (!Swap.swap(Pair.with(1, 2)).equals(Pair.with(2, 1))) throw new AssertionError(); } }",
        ),
    ),
)
SWAPS = (
    "import org.javatuples.Pair;\nclass Swap { static Pair<Integer, Integer> swap(Pair<Integer, Integer> p) "
    "{ return Pair.with(p.getValue1(), p.getValue0()); } }"
)


def test_tests_in_java_may_need_a_jar_of_the_users(shared_data):
    needs("javac java")
    jar = str(shared_data / "multipl-e/javatuples-1.2.jar")
    with open_verifier(VerifySettings(workers=1, classpath=(jar,))) as verifier:
        verifier.check([PAIRED])
        assert verifier.verify(PAIRED, SWAPS).passed
        assert verifier.verify(PAIRED, SWAPS.replace("1(", "0(")).status == "wrong_answer"


def test_a_jar_that_is_missing_is_one_sentence(tmp_path):
    needs("javac java")
    broken = tmp_path / "broken.jar"
    broken.write_text("no jar")
    wanted = {
        (): r"its tests need org.javatuples.\*, which is not there for Java; name the jar that has it in verifier",
        (str(broken),): "broken.jar is no jar that can be read; give the paths of jar files",
        (str(tmp_path / "none.jar"),): "none.jar is no jar that can be read",
    }
    for classpath, sentence in wanted.items():
        settings = VerifySettings(workers=1, classpath=classpath)
        with open_verifier(settings) as verifier, pytest.raises(VerifierError, match=sentence):
            verifier.check([PAIRED])
