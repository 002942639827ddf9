"""Go: programs, imports, warnings, and what its tests may not ask for."""

import dataclasses

import pytest
from tools import needs

from haloforge.errors import VerifierError
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier
from haloforge.verify.compiled.golang import Import, parts_of, program_of

needs_go = pytest.mark.usefixtures("go")

SUM = Problem("sum", "", language="go", tests=Tests("stdio", cases=(Case("20 22\n", "42\n"), Case("1 2\n", "3\n"))))
ADDS = """package main

import "fmt"

func main() {
	var a, b int
	fmt.Scan(&a, &b)
	fmt.Println(a + b)
}
"""


@pytest.fixture
def go():
    needs("go")


@needs_go
@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ADDS, "passed"),
        (ADDS.replace("a + b", "42"), "wrong_answer"),
        (ADDS.replace("a + b", "a / (b - b)"), "runtime_error"),
        (ADDS.replace("a + b", "c"), "compile_error"),
        (ADDS.replace('"fmt"', '("fmt"; "os")'), "compile_error"),
        (ADDS.replace('"fmt"', '("fmt"; "C")'), "compile_error"),
        (ADDS.replace("a + b", "make([]int, 1<<28)[a]"), "memory_limit"),
        (ADDS.replace("fmt.Println(a + b)", "for {\n\t}"), "timeout"),
        ("", "no_code"),
    ],
)
def test_each_way_to_end_has_its_status(verifier, code, status):
    verdict = verifier.verify(SUM, code)
    assert verdict.status == status, verdict


@needs_go
def test_the_memory_limit_is_that_of_the_program_not_of_its_runtime(verifier):
    small = dataclasses.replace(SUM, tests=dataclasses.replace(SUM.tests, memory_mb=64))
    assert verifier.verify(small, ADDS).passed
    assert verifier.verify(small, ADDS.replace("a + b", "make([]int, 1<<26)[a]")).status == "memory_limit"


@needs_go
def test_a_panic_is_told_by_its_message_and_place(verifier):
    verdict = verifier.verify(SUM, ADDS.replace("a + b", "[]int{1}[a]"))
    assert verdict.detail == "test 1: panic: runtime error: index out of range [20] with length 1"
    assert verdict.diagnostics.endswith("\nsolution.go:8"), verdict.diagnostics


@needs_go
def test_what_vet_says_is_a_warning():
    untested = Problem("n", "", language="go")
    with open_verifier(VerifySettings(workers=1)) as verifier:
        verifier.check([untested])
        assert verifier.verify(untested, ADDS).reward == 0.5
        warned = verifier.verify(untested, ADDS.replace("fmt.Println(a + b)", 'fmt.Printf("%s", a+b)'))
        assert (
            warned.reward == 0.3
            and "warning: fmt.Printf format %s has arg a + b of wrong type int" in warned.diagnostics
        )
        asked = Problem("n", "", language="go", entry_point="add")
        assert verifier.verify(asked, "package sums\n\nfunc add(a, b int) int { return a + b }\n").reward == 0.5
        assert verifier.verify(untested, ADDS.removeprefix("package main")).reward == 0.0


@needs_go
def test_tests_may_bring_their_own_main(verifier):
    tests = Tests("program", code=('func main() {\n\tif add(1, 2) != 3 {\n\t\tpanic("wrong")\n\t}\n}\n',))
    problem = Problem("m", "", language="go", tests=tests)
    verifier.check([problem])
    assert verifier.verify(problem, "package main\n\nfunc add(a, b int) int { return a + b }\n").passed
    assert verifier.verify(problem, "package main\n\nfunc add(a, b int) int { return a }\n").status == "runtime_error"


@needs_go
@pytest.mark.parametrize(
    ("needed", "named"),
    [
        ('import "example.com/odd"', "example.com/odd"),
        ('import "github.com/stretchr/testify/assert"', "github.com/stretchr/testify/assert.Subset"),
    ],
)
def test_tests_that_need_what_is_not_there_are_refused_before_anything_runs(verifier, needed, named):
    code = "func TestX(t *testing.T) { assert.Subset(t, f(), 1) }\n"
    problem = Problem("odd/1", "", language="go", tests=Tests("program", setup=f"package p\n{needed}\n", code=(code,)))
    with pytest.raises(VerifierError, match=f"odd/1: its tests need {named}"):
        verifier.check([problem])


def test_imports_are_found_however_they_are_written():
    source = """// a comment
package p; import "fmt"
/* another */ import ( m "math" // the ) library
    . "strings"; _ `os`
)

const text = `import "no"`
"""
    parts = parts_of(source)
    assert parts.package == "p"
    assert parts.imports == (Import("", "fmt"), Import("m", "math"), Import(".", "strings"), Import("_", "os"))
    assert parts.body.strip() == 'const text = `import "no"`'


def test_an_import_that_came_with_the_problem_and_is_not_used_is_dropped():
    code = 'package p\n\nimport (\n\t"sort"\n\t"os"\n)\n\nvar x = "math.Pi" // strings.ToUpper\n'
    program = program_of(code, ['import (\n"math"\n"sort"\n"strings"\nr "math/rand/v2"\n)\n'], "var y = r.Int\n")
    assert parts_of(program).imports == (Import("", "os"), Import("r", "math/rand/v2"))
