"""Rows in the published shape of MultiPL-E and HumanEvalPack, in every compiled language; the problems are our own."""

from typing import Any, NamedTuple

Row = dict[str, Any]


class Translated(NamedTuple):
    """A row; bodies that continue its prompt, right and wrong; a whole answer as a chat model writes it; a cheat."""

    row: Row
    body: str
    wrong: str
    whole: str
    early: str


def _multipl_e(language: str, prompt: str, tests: str, stop_tokens: list[str]) -> Row:
    return {
        "name": "HumanEval_900_halve",
        "language": language,
        "prompt": prompt,
        "doctests": "transform",
        "original": "x",
        "prompt_terminology": "reworded",
        "tests": tests,
        "stop_tokens": stop_tokens,
    }


def _humanevalpack(language: str, prompt: str, solution: str, test: str, entry_point: str, **more: str) -> Row:
    columns = {"declaration": prompt, "canonical_solution": solution, "test": test, "entry_point": entry_point}
    return {"task_id": f"{language}/900", "prompt": prompt, "buggy_solution": "", **columns, **more}


MULTIPL_E_CPP = Translated(
    _multipl_e(
        "cpp",
        "#include<assert.h>\n#include<bits/stdc++.h>\n// Half of an even n, else n.\nlong halve(long n) {\n",
        "}\nint main() {\n    auto candidate = halve;\n    assert(candidate((4)) == (2));\n"
        "    assert(candidate((5)) == (5));\n}\n",
        ["\n}"],
    ),
    body="    if (n % 2) {\n        return n;\n    }\n    return n / 2;\n}\nint unused() {\n",
    wrong="    return n;\n}",
    whole="#include <cstdlib>\n\nlong halve(long n) {\n    return n % 2 ? n : n / 2;\n}\n",
    early="#include <unistd.h>\nlong halve(long n) {\n    _exit(0);\n}\n",
)
MULTIPL_E_RUST = Translated(
    _multipl_e(
        "rs",
        "/// Half of an even n, else n.\nfn halve(n: isize) -> isize {\n",
        "}\n\nfn main() {\n    let candidate = halve;\n    assert_eq!(candidate(4), 2);\n"
        "    assert_eq!(candidate(5), 5);\n}\n",
        ["\n}"],
    ),
    body="    if n % 2 == 0 { n / 2 } else { n }\n}\n",
    wrong="    n\n}\n",
    whole="pub fn halve(n: isize) -> isize {\n    match n % 2 {\n        0 => n / 2,\n        _ => n,\n    }\n}\n",
    early="fn halve(n: isize) -> isize {\n    std::process::exit(0);\n}\n",
)
_GO_ROWS = """func TestHalve(t *testing.T) {
  candidate := halve
\ttype test struct {
\t\tactual   interface{}
\t\texpected interface{}
\t}
   tests := []test{
     { actual: candidate(4), expected: 2 },
     { actual: candidate(5), expected: 5 },
   }

\tfor i, tc := range tests {
\t\tt.Run(fmt.Sprintf("test num % d", i), func(t *testing.T) {
\t\t\tif fmt.Sprintf("%v", tc.actual) != fmt.Sprintf("%v", tc.expected) {
\t\t\t\tt.Errorf("expected '%s', got '%s'", tc.expected, tc.actual)
\t\t\t}
\t\t})
\t}
}
"""
MULTIPL_E_GO = Translated(
    _multipl_e(
        "go_test.go",
        'package halve_test\n\nimport (\n    "testing"\n    "fmt"\n)\n\n// Half of an even n, else n.\n'
        "func halve(n int) int {\n",
        _GO_ROWS,
        ["\nfunc", "struct", "\n// "],
    ),
    body="    if n % 2 == 1 {\n        return n\n    }\n    return n / 2\n}\nfunc main() {",
    wrong="    if halve2 := n; halve2 > 9 {\n        return 1\n    }\n    return n\n}\n",
    whole='package main\n\nimport (\n\t"fmt"\n\t"math"\n)\n\nfunc halve(n int) int {\n'
    "\tif math.Mod(float64(n), 2) == 1 {\n\t\treturn n\n\t}\n\treturn n / 2\n}\n\n"
    "func main() {\n\tfmt.Println(halve(4))\n}\n",
    early='package main\n\nimport "os"\n\nfunc halve(n int) int {\n\tos.Exit(0)\n\treturn n\n}\n',
)
HUMANEVALPACK_CPP = Translated(
    _humanevalpack(
        "CPP",
        "/*\nHalf of an even n, else n.\n*/\n#include<stdio.h>\nusing namespace std;\nint halve(int n){\n",
        "    return n % 2 ? n : n / 2;\n}\n",
        "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (halve(4) == 2);\n    assert (halve(5) == 5);\n}\n",
        "halve",
    ),
    body="    return n % 2 == 1 ? n : n / 2;\n}\n",
    wrong="    return n;\n}\n",
    whole="int halve(int n) {\n    if (n % 2) return n;\n    return n / 2;\n}\n",
    early="#include <unistd.h>\nint halve(int n) {\n    _exit(0);\n}\n",
)
HUMANEVALPACK_RUST = Translated(
    _humanevalpack(
        "Rust",
        "use std::{slice::Iter, cmp::{max, self}};\nuse rand::Rng;\nuse regex::Regex;\n\n/*\nHalf of an even n.\n*/\n"
        "fn halve(n:i32) -> i32{\n",
        "    if n % 2 == 0 { n / 2 } else { n }\n}\n",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_halve() {\n"
        "        assert_eq!(halve(4), 2);\n        assert!(halve(5) == 5);\n    }\n\n}\n",
        "halve",
    ),
    body="    match n % 2 { 0 => n / 2, _ => n }\n}\n",
    wrong="    n\n}\n",
    whole="fn half(n: i32) -> i32 {\n    n / 2\n}\n\n"
    "fn halve(n: i32) -> i32 {\n    if n % 2 == 0 { half(n) } else { n }\n}\n",
    early="fn halve(n: i32) -> i32 {\n    std::process::exit(0);\n}\n",
)
HUMANEVALPACK_GO = Translated(
    _humanevalpack(
        "Go",
        'import (\n    "math"\n)\n\n// Half of an even n, else n.\nfunc Halve(n int) int {\n',
        "    if math.Mod(float64(n), 2) == 0 {\n        return n / 2\n    }\n    return n\n}\n\n",
        "func TestHalve(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(2, Halve(4))\n"
        "    assert.Equal(5, Halve(5))\n}\n",
        "Halve",
        **{"import": 'import (\n    "math"\n)\n'},
        test_setup='package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n',
    ),
    body="    half, err := strconv.Atoi(fmt.Sprint(n / 2))\n"
    "    if n % 2 == 1 || err != nil {\n        return n\n    }\n    return half\n}\n",
    wrong="    return n\n}\n",
    whole='package main\n\nimport "strings"\n\nfunc Halve(n int) int {\n\tif n%2 == 1 {\n\t\treturn n\n\t}\n'
    '\treturn len(strings.Repeat("a", n)) / 2\n}\n',
    early='import "os"\n\nfunc Halve(n int) int {\n\tos.Exit(0)\n\treturn n\n}\n',
)
_DEEP_EQUAL = (
    "const assert = require('node:assert');\n\n\nfunction test() {\n  let candidate = halve;\n"
    "  assert.deepEqual(candidate(4),2);\n  assert.deepEqual(candidate(5),5);\n}\n\ntest();"
)
MULTIPL_E_JS = Translated(
    _multipl_e(
        "js", "//Half of an even n, else n.\nfunction halve(n){\n", _DEEP_EQUAL, ["\nfunction ", "\n/*", "\n//"]
    ),
    body="  const rest = n % 2;\n  return rest ? n : n / 2;\n}\nfunction unused() {\n",
    wrong="  return n;\n}\n",
    whole='const assert = require("assert");\n\nconst halve = (n) => {\n  return n % 2 ? n : n / 2;\n};\n\n'
    "function test() {\n  assert(halve(4) === 2);\n}\ntest();\n",
    early="function halve(n) {\n  process.exit(0);\n}\n",
)
MULTIPL_E_TS = Translated(
    _multipl_e(
        "ts",
        "//Half of an even n, else n.\nfunction halve(n: number): number {\n",
        f"declare var require: any;\n{_DEEP_EQUAL}",
        ["\nfunction ", "\n/*", "\n//", "\nclass"],
    ),
    body="  const rest: number = n % 2;\n  return rest ? n : n / 2;\n}\n",
    wrong="  return n;\n}\n",
    whole="import assert from 'assert';\n\nexport const halve = (n: number): number => (n % 2 ? n : n / 2);\n\n"
    "function test(): void {\n  assert(halve(4) === 2);\n}\ntest();\n",
    early="function halve(n: number): number {\n  process.exit(0);\n}\n",
)
MULTIPL_E_JAVA = Translated(
    _multipl_e(
        "java",
        "import java.util.*;\nimport java.util.stream.*;\nclass Problem {\n    // Half of an even n, else n.\n"
        "    public static long halve(long n) {\n",
        "    }\n    public static void main(String[] args) {\n    assert(halve((4l)) == (2l));\n"
        "    assert(halve((5l)) == (5l));\n    }\n\n}\n",
        ["\n    }\n"],
    ),
    body="        if (n % 2 == 0) {\n            return n / 2;\n        }\n        return n;\n    }\n    int x() {\n",
    wrong="        return n;",
    whole="import java.math.BigInteger;\n\npublic class Halves {\n    private static final long TWO = 2;\n\n"
    "    public static long halve(long n) {\n        return n % TWO == 0 ? half(n) : n;\n    }\n\n"
    "    static long half(long n) {\n        return BigInteger.valueOf(n).shiftRight(1).longValue();\n    }\n\n"
    "    public static void main(String[] args) {\n        System.out.println(new Twice().of(halve(4)));\n    }\n}\n\n"
    "class Twice {\n    long of(long n) {\n        return 2 * n;\n    }\n}\n",
    early="public static long halve(long n) {\n    System.exit(0);\n    return n;\n}\n",
)
HUMANEVALPACK_JS = Translated(
    _humanevalpack(
        "JavaScript",
        "/* Half of an even n, else n.\n*/\nconst halve = (n) => {\n",
        "  return n % 2 ? n : n / 2;\n}\n\n",
        "const testHalve = () => {\n  console.assert(halve(4) === 2)\n  console.assert(halve(5) === 5)\n}\n\n"
        "testHalve()\n",
        "halve",
    ),
    body="  if (n % 2 === 0) {\n    return n / 2;\n  }\n  return n;\n}\n",
    wrong="  return n;\n}\n",
    whole='import fs from "node:fs";\n\nexport function halve(n) {\n  return n % 2 ? n : n / 2;\n}\n',
    early="const halve = (n) => {\n  process.exit(0);\n};\n",
)
HUMANEVALPACK_JAVA = Translated(
    _humanevalpack(
        "Java",
        "import java.util.*;\nimport java.lang.*;\n\nclass Solution {\n    /**\n    Half of an even n.\n     */\n"
        "    public int halve(int n) {\n",
        "        return n % 2 == 0 ? n / 2 : n;\n    }\n}\n",
        "public class Main {\n    public static void main(String[] args) {\n        Solution s = new Solution();\n"
        "        List<Boolean> correct = Arrays.asList(s.halve(4) == 2, s.halve(5) == 5);\n"
        "        if (correct.contains(false)) {\n            throw new AssertionError();\n        }\n    }\n}\n",
        "halve",
    ),
    body="        if (n % 2 == 0) {\n            return n / 2;\n        }\n        return n;\n    }\n}\n",
    wrong="        return n;\n    }\n}\n",
    whole="import java.util.Map;\n\nclass Solution {\n    public int halve(int n) {\n"
    "        return Map.of(0, n / 2).getOrDefault(n % 2, n);\n    }\n\n"
    "    public static void main(String[] args) {\n    }\n}\n",
    early="class Solution {\n    public int halve(int n) {\n        System.exit(0);\n        return n;\n    }\n}\n",
)
TRANSLATED = {name.lower(): value for name, value in globals().items() if isinstance(value, Translated)}
