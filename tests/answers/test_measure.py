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
        ("cpp", "int main() { int x = 0; return x; }"),
        ("cpp", "#include <cstdlib>\nint main() { exit(0); }"),
        ("cpp", 'int main() { std::vector<int> v(5); int a[] = {1, 2}; const char *p = "x"; }'),
        ("cpp", 'int main() {\n#if 0\n  puts("x");\n#endif\n}'),
        ("cpp", 'int x = f(1);\nconst char *s = R"-(int main() { f(); })-";\nint main() {}'),
        ("rust", "fn main() {}"),
        ("rust", "fn main() -> Result<(), String> { Ok(()) }"),
        ("rust", "fn main() { /* /* ended */ still_a_comment(); */ }"),
        ("rust", "fn main() { let x: i32 = 5; let _ = x; }"),
        ("rust", 'fn main() { panic!("later") }'),
        ("go", "package main\nfunc main() {\n\tx := 1\n\t_ = x\n}\n"),
        ("go", "package main\nfunc f(x interface{}) []int {\n\treturn []int{}\n}\n"),
        ("rust", "fn f() -> i32 { todo!() }"),
        ("rust", "#[derive(Debug)]\nenum E { A(i32), B }"),
        ("go", 'package main\nimport (\n\t"fmt"\n)\nvar x = 3\n'),
        ("c", "int main() { int a = 1, b = 2; return 0; }"),
        ("c", "int main() { int a[] = {-1, -2}; int x = 1 + 2; }"),
        ("c", 'int main() { int x; x = 1; const char *s = "a" "b"; return x; }'),
        ("c", "int main() { for (;;); }"),
        ("c", "int main() { while (0); if (1) { } switch (0) { } do { } while (0); goto end; end: return 0; }"),
        ("c", "int main() { assert(1); }"),
        ("c", "void solve() { }\nint main() { solve(); return 0; }"),
        ("c", "int f() { return 0; }\nint g() { return f(); }\nint main() { return g(); }"),
        ("cpp", "int main() { ios::sync_with_stdio(false); cin.tie(nullptr); return 0; }"),
        ("cpp", "int main() { throw 1; }"),
        ("cpp", "int main() { std::terminate(); }"),
        ("rust", "fn main() { let (a, b) = (1, 2); let v = vec![1, 2, 3]; let x = 1 + 2; }"),
        ("rust", "fn main() { loop {} }"),
        ("rust", "fn main() { if true {} match 0 { _ => {} } assert!(true); }"),
        ("rust", "fn solve() {}\nfn main() { solve(); }"),
        ("rust", "fn main() {}\n#[cfg(test)]\nmod tests {\n  #[test]\n  fn t() { assert_eq!(f(1), 2); }\n}"),
        ("rust", "#[test]\nfn t() { assert_eq!(f(1), 2); }\nfn main() {}"),
        ("go", "package main\nfunc main() {\n\tfor {\n\t}\n\tselect {}\n}"),
        ("go", "package main\nfunc main() {\n\tvar a, b = 1, 2\n\t_, _ = a, b\n\t_ = 1 + 1\n\tos.Exit(0)\n}"),
        ("go", "package main\nfunc solve() {\n}\nfunc main() {\n\tsolve()\n}"),
        ("python", "def solve():\n    pass\nif __name__ == '__main__':\n    solve()"),
        ("python", "while True:\n    pass"),
        (
            "python",
            "if True:\n    pass\nassert True\nfor _ in []:\n    pass\ntry:\n    pass\nexcept ValueError:\n    pass",
        ),
        ("javascript", "// later\nconst a = 5;\nlet b = [1, 2];\nvar c = {};\n"),
        ("javascript", "function f(x) {}"),
        ("typescript", "interface P { a: number }\ntype X = { a: string };\nenum C { A, B }"),
        ("typescript", "function f(x: {a: number}): {b: string} {\n}"),
        (
            "java",
            "import java.util.*;\npublic class A {\n  int x = 3;\n  public static void main(String[] args) { }\n}",
        ),
        ("java", "class A { int f() { return 0; } enum B { C, D } record P(int a) {} }"),
        ("python", "# TODO"),
        ("python", "import sys\nx = 1"),
        ("python", 'def f(x):\n    """Adds."""\n    pass'),
        ("python", "def f(x): raise NotImplementedError('later')"),
        ("python", "def f(x):"),
        ("python", "def f(x): return []"),
        ("python", "if __name__ == '__main__':\n    exit()"),
        ("python", "x = 1\nx\nprint\nraise SystemExit"),
        ("python", "for i in range(10): pass\nwhile x: continue\nif x:\n    'later'"),
        ("python", "f = lambda: 0"),
        ("javascript", "function f() {}\nf();\nconst g = () => {};\ng();"),
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
        ("c", "struct node *make(int x) { return fresh(x); }", 1, 1),
        ("cpp", "template <class T> auto f(T x) -> std::vector<T> { return g(x); }", 1, 1),
        ("cpp", "struct A { int a; A(int x) : a{x} { run(); } };", 1, 1),
        ("cpp", "void f() { run([](int x) { return x + 1; }, 2); }", 2, 1),
        ("rust", "fn f(x: &[i32]) -> i32 { x[0] }", 1, 0),
        ("rust", "impl A { fn get(&self) -> i32 { self.x } }", 1, 0),
        ("rust", "fn f<'a>(x: &'a str) -> char { g('(', x) }", 1, 1),
        ("go", "func f(x interface{}) map[string]int {\n\tm := make(map[string]int)\n\treturn m\n}", 2, 1),
        ("go", "func (s *Stack) Push(x int) {\n\ts.items = append(s.items, x)\n}", 1, 1),
        ("javascript", "function f(x) {\n  return x + 1;\n}", 1, 0),
        ("java", "class A { static int f(int x) { return x + 1; } }", 1, 0),
        ("java", 'class A { @SuppressWarnings("x") public static void main(String[] a) { f(g(1)); } }', 1, 2),
        ("python", "def f(x):\n    y = g(x)\n    return y + 1", 2, 1),
        ("c", "int add(a, b) int a; int b; { return a + b; }", 1, 0),
        ("c", '#define MAIN int main(void)\nMAIN { puts("x"); }', 1, 1),
        ("c", "int main() { int a = 1, b = a + 1; while (b) b--; }", 2, 0),
        ("cpp", "int f() { return 1; }\nint main() { std::cout << f(); }", 1, 0),
        ("c", "void reset(int *count) { *count = 0; }", 1, 0),
        ("cpp", 'void solve() { puts("x"); }\nint main() { cin.tie(0); solve(); }', 2, 2),
        ("rust", "fn f() { g(); }\n#[cfg(test)]\nmod tests { fn t() { f(); } }\nfn g() { h(); }", 2, 2),
        ("go", "func main() {\n\tfor n > 0 {\n\t\tprintln(n)\n\t}\n}", 2, 1),
        ("python", "def main():\n    print(1)\nif __name__ == '__main__':\n    main()", 2, 2),
    ],
)
def test_what_a_program_does_is_counted(language, code, statements, calls):
    assert substance(code, language) == Substance(statements, calls)


@pytest.mark.parametrize(
    ("language", "code", "is_defined"),
    [
        ("cpp", "int f(int x);", False),
        ("cpp", "int f(int x) { return x; }", True),
        ("c", "int g(int);\nint f(a, g) int a; int (*g)(); { return g(a); }", True),
        ("cpp", "int main() { if (f(1)) { g(); } }", False),
        ("rust", "fn f<T: Ord>(x: Vec<T>) -> T where T: Clone { x[0] }", True),
        ("go", "func f(x int) (int, error) {\n}", True),
        ("javascript", "const f = async (x) => x;", True),
        ("javascript", "export default function f(x) {}", True),
        ("javascript", "g(f(1));\nconst g = f;", False),
        ("typescript", "export class f<T> extends A {}", True),
        ("java", "class A { static <T> List<T> f(List<T> x) { return x; } }", True),
        ("python", "def f(x): return x", True),
        ("python", "f = lambda x: x", True),
        ("cpp", "class f { public: int run(int x) { return x + 1; } };", True),
        ("rust", "struct f { items: Vec<i32> }", True),
        ("go", "package main\ntype f struct {\n\tx int\n}", True),
        ("python", "def g(x): return f(x)", False),
        ("python", "try:\n    from math import isqrt as f\nexcept ImportError:\n    f = None", True),
    ],
)
def test_a_function_is_defined_by_its_body(language, code, is_defined):
    assert defines(code, "f", language) == is_defined


@pytest.mark.parametrize(
    ("code", "outside"),
    [
        ("function f(x) { return x + 1; }\nmodule.exports = f;", 0),
        ("const f = (x) => x + 1, n = 5;", 0),
        ("class A { go() { run(); } }", 0),
        ("const f = (x) => {\n  run(x);\n};\nf(1);", 1),
        ("(async () => {\n  await run();\n})();", 2),
        ("rl.on('line', (line) => {\n  total += line.length;\n});", 1),
        ("for (const x of xs) console.log(x);", 1),
    ],
)
def test_statements_outside_of_functions_are_told_apart_where_they_run(code, outside):
    assert substance(code, "javascript").outside == outside


@pytest.mark.parametrize("language", ["cpp", "rust", "go", "java", "typescript"])
@pytest.mark.parametrize(
    "broken", ["#[", '"\\"', "/*", 'R"(', 'r#"', "{", "(", "f(", "f<", "`", "'", "#if 0\n", ") : a {} ", "Ok("]
)
def test_a_text_of_any_shape_is_read_in_time_that_grows_with_its_length(language, broken):
    text = broken * 50_000
    substance(text, language)
    substance(f"// {text}", language)
    defines(f"/* {text}", "f", language)
