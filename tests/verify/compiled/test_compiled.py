"""Compiled languages: each way to end has its status; warnings, precompiled headers, tests in the same program."""

import pytest
from tools import COMMANDS, needs

from haloforge.errors import VerifierError
from haloforge.languages import COMPILERS
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier
from haloforge.verify.compiled.headers import arguments_for, precompiled

SUM = Problem("sum", "", language="cpp", tests=Tests("stdio", cases=(Case("1 2\n", "3\n"), Case("5 6\n", "11\n"))))
ADDS = '#include <cstdio>\nint main() { int a, b; if (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a + b); }\n'


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ADDS, "passed"),
        (ADDS.replace("int a", '\n#ifndef ONLINE_JUDGE\nfreopen("in", "r", stdin);\n#endif\nint a'), "passed"),
        (ADDS.replace("a + b", "3"), "wrong_answer"),
        (ADDS.replace("}", "return 3; }"), "runtime_error"),
        (ADDS.replace("}", ""), "compile_error"),
        ("int main() { for (;;); }", "timeout"),
        ("int main() { return *(volatile int *)0; }", "runtime_error"),
        ("#include <vector>\nint main() { std::vector<long> v; for (;;) v.push_back(1); }", "memory_limit"),
        ('#include <cstdio>\nint main() { for (;;) puts("flood flood flood"); }', "output_limit"),
    ],
)
def test_each_way_to_end_has_its_status(verifier, code, status):
    needs("g++")
    assert verifier.verify(SUM, code).status == status


PUTS = "#include <stdio.h>\n"
PROGRAMS = {("gcc", "c"): "gcc", ("gcc", "cpp"): "g++", ("clang", "c"): "clang", ("clang", "cpp"): "clang++"}


OF_2020 = (
    "#include <bits/stdc++.h>\nstruct Pair { int a = 0, b = 0; bool operator==(const Pair &) const = default; };\n"
    "int main() { Pair p{.a = 0, .b = 0}; std::cin >> p.a >> p.b; std::vector<int> v{p.a, p.b};\n"
    "  std::ranges::sort(v, std::greater{}); std::span all(v); std::cout << all[0] + all[1]; }\n"
)


@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("standard", ["c++17", "c++20", "c++23"])
def test_a_program_is_compiled_as_the_standard_that_is_asked_for(name, standard):
    needs(PROGRAMS[name, "cpp"])
    with open_verifier(VerifySettings(type=name, cpp_standard=standard, workers=1)) as verifier:
        verifier.check([SUM])
        assert verifier.verify(SUM, OF_2020).status == ("compile_error" if standard == "c++17" else "passed")


def test_a_standard_that_the_compiler_does_not_know_is_refused():
    needs("g++")
    settings = VerifySettings(type="gcc", workers=1).model_copy(update={"cpp_standard": "c++99"})
    with open_verifier(settings) as verifier, pytest.raises(VerifierError, match="unrecognized .*-std=c\\+\\+99"):
        verifier.check([SUM])


@pytest.mark.parametrize(("name", "language"), PROGRAMS)
def test_both_compilers_take_both_languages(name, language):
    needs(PROGRAMS[name, language])
    with open_verifier(VerifySettings(type=name, workers=1)) as verifier:
        untested = Problem("n", "", language=language)
        verifier.check([untested])
        assert verifier.verify(untested, f'{PUTS}int main(void) {{ puts("x"); return 0; }}').reward == 0.5
        warned = verifier.verify(untested, f'{PUTS}int main(void) {{ int unused; puts("x"); return 0; }}')
        assert warned.reward == 0.3 and "unused" in warned.diagnostics
        assert verifier.verify(untested, "int main(void) { return }").reward == 0.0


def test_mingw_compiles_for_windows_and_runs_nothing():
    needs("x86_64-w64-mingw32-g++")
    code = "#include <windows.h>\n#include <thread>\nint main() { Sleep(1); }\n"
    with open_verifier(VerifySettings(type="mingw", run_after_compile=True, workers=1)) as verifier:
        untested = Problem("n", "", language="cpp")
        verifier.check([untested])
        assert verifier.verify(untested, code).reward == 0.5
        assert verifier.verify(untested, code.replace("Sleep(1)", "int unused; Sleep(1)")).reward == 0.3
        assert verifier.verify(untested, code.replace("Sleep", "usleep_")).status == "compile_error"
        with pytest.raises(VerifierError, match="mingw only compiles"):
            verifier.check([SUM])


def test_diagnostics_name_no_folder_of_this_machine(verifier):
    needs("g++")
    verdict = verifier.verify(SUM, "int main() { return x; }")
    assert verdict.detail.startswith("solution.cpp:1:")


TAIL = Problem(
    "tail",
    "int f(int x) {\n",
    language="cpp",
    tests=Tests(
        "program", code=("}\n#include <cassert>\nint main() {\n    assert(f(2) == 4);\n    assert(f(3) == 9);\n}\n",)
    ),
)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return x * x;", "passed"),
        ("return x + 2;", "wrong_answer"),
        ("_exit(0);", "exited_early"),
        ("exit(0);", "exited_early"),
        ('puts("tests-done"); fflush(stdout); _exit(0);', "exited_early"),
        ("throw 1;", "runtime_error"),
    ],
)
def test_tests_in_the_same_program_must_run_to_their_end(verifier, body, status):
    needs("g++")
    code = f"#include <unistd.h>\n#include <cstdlib>\n#include <cstdio>\nint f(int x) {{\n{body}"
    verdict = verifier.verify(TAIL, code)
    assert verdict.status == status
    assert verdict.forgeable or status == "compile_error"


@pytest.mark.parametrize(("body", "reward"), [("throw x;", 0.5), ("int n; throw x;", 0.3)])
def test_only_warnings_about_the_solution_itself_are_counted(verifier, body, reward):
    needs("g++")
    tests = Tests("program", code=("}\nint main() {\n    int never_used;\n    return f(2);\n}\n",))
    verdict = verifier.verify(Problem("w", "", language="cpp", tests=tests), f"int f(int x) {{\n{body}")
    assert (verdict.status, verdict.reward) == ("runtime_error", reward), verdict
    assert "never_used" in verdict.diagnostics


@pytest.mark.parametrize(
    ("language", "clean", "warned"),
    [
        ("c", "int f(int x) { return x; }", "int f(int x) { int y; return x; }"),
        ("cpp", "int f(int x) { return x; }", "int f(int x) { int y; return x; }"),
        ("rust", "pub fn f(x: i32) -> i32 { x }", "pub fn f(x: i32) -> i32 { let y = 1; x }"),
        ("rust", 'fn main() { print!("x") }', 'fn f() {}\nfn main() { print!("x") }'),
        (
            "go",
            'package p\nimport "fmt"\nfunc f() { fmt.Println("x") }',
            'package p\nimport "fmt"\nfunc f() { fmt.Printf("%d", "x") }',
        ),
    ],
)
def test_a_function_alone_compiles_and_its_warnings_count(verifier, language, clean, warned):
    needs(COMMANDS[language])
    untested = Problem("n", "", language=language, entry_point="f")
    assert [verifier.verify(untested, code).reward for code in (clean, warned)] == [0.5, 0.3]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("c", "// TODO"),
        ("c", "int x;"),
        ("cpp", "// TODO"),
        ("cpp", "int x;"),
        ("cpp", "int f(int x) { return x + 1; }"),
        ("rust", "fn f(x: i32) -> i32 { x + 1 }"),
        ("go", "package main\nfunc f(x int) int { return x + 1 }\n"),
    ],
)
def test_without_tests_a_program_without_main_is_not_complete(verifier, language, code):
    needs(COMMANDS[language])
    verdict = verifier.verify(Problem("n", "", language=language), code)
    assert (verdict.status, verdict.reward) == ("compile_error", 0.0)
    assert verdict.detail == "no complete program: it has no main function"


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("c", "int main(void) { return 0; }"),
        ("cpp", "#include <vector>\n// solved\nint x = 5;\nint main() { std::vector<std::vector<int>> v; return 0; }"),
        ("rust", "fn main() { todo!() }"),
        ("go", "package main\nfunc main() {\n}\n"),
    ],
)
@pytest.mark.parametrize("runs", [False, True])
def test_without_tests_a_program_that_does_nothing_earns_nothing(language, code, runs):
    needs(COMMANDS[language])
    with open_verifier(VerifySettings(workers=1, run_after_compile=runs)) as verifier:
        verdict = verifier.verify(Problem("n", "", language=language), code)
    assert (verdict.status, verdict.reward) == ("no_code", 0.0)
    assert verdict.detail == "no complete program: only comments, declarations and constants"


def test_without_tests_the_function_that_is_asked_for_must_be_there(verifier):
    needs("g++")
    asked = Problem("n", "", language="cpp", entry_point="twice")
    verdicts = [verifier.verify(asked, code) for code in ("int thrice(int x) { return 3 * x; }", "int twice(int x);")]
    assert [(verdict.status, verdict.detail) for verdict in verdicts] == [
        ("no_code", "no complete program: it does not define twice"),
        ("no_code", "no complete program: only comments, declarations and constants"),
    ]


def test_without_tests_what_a_function_calls_must_be_there_too(verifier):
    needs("g++")
    asked = Problem("n", "", language="cpp", entry_point="twice")
    verdict = verifier.verify(asked, "int helper(int x);\nint twice(int x) { return helper(x); }")
    assert verdict.status == "compile_error" and "helper" in verdict.detail


def test_last_words_of_any_length_are_cut(verifier):
    needs("g++")
    floods = '#include <cstdio>\nint main() { for (int i = 0; i < 9999; i++) fputs("words ", stderr); return 3; }\n'
    verdict = verifier.verify(SUM, floods)
    assert verdict.status == "runtime_error" and max(map(len, verdict.tests)) < 500
    assert len(verdict.detail) <= 500 and len(verdict.diagnostics) <= 16 << 10


def test_a_verifier_for_another_language_is_refused_before_anything_runs():
    with open_verifier(VerifySettings(type="python")) as verifier, pytest.raises(VerifierError, match="does not take"):
        verifier.check([SUM])


def test_an_unknown_verifier_is_refused():
    with pytest.raises((ValueError, VerifierError), match="gpp"):
        open_verifier(VerifySettings(type="gpp"))


def test_python_asserts_for_another_language_are_refused():
    wrong = Problem("w", "", language="cpp", tests=Tests("asserts", code=("assert f()",)))
    with open_verifier(VerifySettings()) as verifier, pytest.raises(VerifierError, match="are Python"):
        verifier.check([wrong])


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_the_precompiled_library_is_used_only_where_it_changes_nothing(name):
    needs(PROGRAMS[name, "cpp"])
    compiler = COMPILERS[name]
    plain = "// sum\n#include <cassert>\n#include <bits/stdc++.h>\nint main() {}\n"
    assert arguments_for(compiler, plain)
    assert precompiled(compiler).is_dir()
    assert arguments_for(compiler, "#define _GLIBCXX_DEBUG\n" + plain) == ()
    assert arguments_for(compiler, '#pragma GCC target("avx2")\n' + plain) == ()
    assert arguments_for(compiler, "#include <iostream>\nint main() {}\n") == ()


def test_rust_programs_are_judged_too(verifier):
    needs("rustc")
    program = Problem("r", "", language="rust", tests=Tests("stdio", cases=(Case("20 22", "42"),)))
    code = """use std::io;
fn main() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    println!("{}", line.split_whitespace().map(|n| n.parse::<i64>().unwrap()).sum::<i64>());
}
"""
    assert verifier.verify(program, code).passed
    assert verifier.verify(program, code.replace("sum", "product")).status == "wrong_answer"
    assert verifier.verify(program, code.replace("i64", "u2")).status == "compile_error"


def test_without_tests_what_the_problem_brought_is_no_work_of_the_answer(verifier):
    needs("g++")
    starter = "int helper(int x) { return x + 1; }\n"
    asked = Problem("n", "", language="cpp", entry_point="twice", meta={"starter_code": starter})
    empty = verifier.verify(asked, starter + "int twice(int) { return 0; }")
    assert (empty.status, empty.reward) == ("no_code", 0.0)
    assert verifier.verify(asked, starter + "int twice(int x) { return helper(x) + x - 1; }").status == "passed"
