"""Comments and declarations are no substance; statements and calls are, in every language."""

import pytest

from haloforge.stages.raft.substance import statements_and_calls


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("cpp", "// TODO\n/* int main() { return 0; } */\n"),
        ("cpp", "#include <cstdio>\nint x;\nint y = 3;\nint f(int);\n"),
        ("cpp", "int main() {\n}\n"),
        ("cpp", "int main() {\n    int x;\n}\n"),
        ("cpp", "struct Point { int x; int y; };\n"),
        ("c", ""),
        ("rust", "fn main() {\n    // nothing\n}\n"),
        ("go", "package main\n\nfunc main() {\n}\n"),
        ("python", "# TODO\n"),
        ("python", 'import math\n\ndef f(x):\n    """Add."""\n    pass\n'),
        ("python", "def f(x):"),
    ],
)
def test_what_declares_and_explains_alone_has_none(language: str, code: str) -> None:
    assert statements_and_calls(code, language) == 0


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("cpp", "int main() {\n    return 0;\n}\n", 1),
        ("cpp", '#include <cstdio>\nint main() {\n    int x = 3;\n    printf("a; {%d}", x);\n}\n', 3),
        ("cpp", "int f(int n) {\n    if (n > 1) {\n        return n * f(n - 1);\n    }\n    return 1;\n}\n", 4),
        ("cpp", "int main() { std::cout << 7; }", 1),
        ("rust", "fn double(n: i32) -> i32 {\n    n * 2\n}\n", 1),
        ("go", "package main\n\nfunc f(n int) int {\n\treturn g(n)\n}\n", 2),
        ("python", "def f(x):\n    return abs(x) + 1\n", 2),
        ("python", "for i in range(3):\n    print(i)\n", 4),
    ],
)
def test_statements_and_calls_are_counted(language: str, code: str, expected: int) -> None:
    assert statements_and_calls(code, language) == expected
