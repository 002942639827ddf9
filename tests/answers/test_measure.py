import pytest

from haloforge.answers import Substance, defines, substance


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("cpp", ""),
        ("cpp", "// TODO"),
        ("cpp", "/* never closed"),
        ("cpp", "int x;"),
        ("cpp", "int f(int x);"),
        ("cpp", "int main() {}"),
        ("cpp", "int main() { return 0; }"),
        (
            "cpp",
            "#define MAX 10\n#include <map>\nint main() { int x = 5; std::map<int, std::set<int>> m; return -1; }",
        ),
        ("cpp", "struct A { int x; int f(); };\nenum { B = 1 };"),
        ("rust", "fn main() {}"),
        ("rust", "fn f() -> i32 { todo!() }"),
        ("rust", "#[derive(Debug)]\nenum E { A(i32), B }"),
        ("go", 'package main\nimport (\n\t"fmt"\n)\nvar x = 3\n'),
        ("python", "# TODO"),
        ("python", "import sys\nx = 1"),
        ("python", 'def f(x):\n    """Adds."""\n    pass'),
        ("python", "def f(x): raise NotImplementedError('later')"),
        ("python", "def f(x):"),
    ],
)
def test_comments_declarations_and_constants_are_nothing(language, code):
    assert substance(code, language).is_hollow


@pytest.mark.parametrize(
    ("language", "code", "statements", "calls"),
    [
        ("cpp", "int add(int a, int b) { return a + b; }", 1, 0),
        ("cpp", "int main() { int n; std::cin >> n; std::cout << n * 2; }", 2, 0),
        ("cpp", 'extern "C" int f() { puts("x"); return 0; }', 1, 1),
        ("cpp", "struct A { int get() const { return x; } int x; };", 1, 0),
        ("c", "int f(int n) { for (int i = 0; i < n; i++) { g(i); h(g(i)); } return n; }", 4, 3),
        ("rust", "fn add(a: i32, b: i32) -> i32 { a + b }", 1, 0),
        ("rust", 'fn main() { println!("{}", f(1)); }', 1, 2),
        ("go", "package main\nfunc main() {\n\tx := f(3)\n\tfmt.Println(x)\n}\n", 2, 2),
        ("python", "def f(x):\n    y = g(x)\n    return y + 1", 2, 1),
    ],
)
def test_what_a_program_does_is_counted(language, code, statements, calls):
    assert substance(code, language) == Substance(statements, calls)


@pytest.mark.parametrize(
    ("language", "code", "is_defined"),
    [
        ("cpp", "int f(int x);", False),
        ("cpp", "int f(int x) { return x; }", True),
        ("cpp", "int main() { if (f(1)) { g(); } }", False),
        ("rust", "fn f<T: Ord>(x: Vec<T>) -> T where T: Clone { x[0] }", True),
        ("go", "func f(x int) (int, error) {\n}", True),
        ("python", "def f(x): return x", True),
        ("python", "f = lambda x: x", True),
        ("python", "def g(x): return f(x)", False),
    ],
)
def test_a_function_is_defined_by_its_body(language, code, is_defined):
    assert defines(code, "f", language) == is_defined
