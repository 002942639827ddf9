"""A new language is two records, and nothing else: this one is C under other names, so that it truly compiles and runs.

It goes through extraction, the prompt, verification, the normal form, the settings and the studio's highlighting.
"""

from collections.abc import Iterator

import pytest
from tools import needs

from haloforge.answers import extract_code, normal_form
from haloforge.config import VerifyConfig
from haloforge.config import settings as settings_of
from haloforge.errors import ConfigError
from haloforge.generate.prompts import completion_text, messages
from haloforge.languages import COMPILERS, LANGUAGES, PROBE_REPORT, Compiler, Language
from haloforge.records import Case, Problem, Tests
from haloforge.ui.widgets.code import code as highlighted
from haloforge.verify import Verifier, VerifySettings, open_verifier

TOY = Language(
    name="toy",
    display_name="Toy",
    aliases=("toylang",),
    suffix=".toy",
    fences=("ty",),
    syntax="braces",
    first_line=r"\s*(#include|int)\b",
    highlighter="c",
    verifier="toycc",
    print_statement='puts("{text}");',
    print_declaration="int puts(const char *);",
    smallest_program="int main(void) { return 0; }",
    probe=f'int puts(const char *);\nint main(void) {{ puts("{PROBE_REPORT}"); return 0; }}',
    file_reading_line='#include "{path}"\n',
)
TOY_COMPILER = Compiler(
    name="toycc",
    language="toy",
    command="gcc",
    package="gcc",
    verifier="toycc",
    source="solution.toy",
    build=("-x", "c", "solution.toy", "-o", "solution"),
)
DOUBLE = Problem("double", "Print twice the number.", language="toy", tests=Tests("stdio", cases=(Case("21", "42"),)))
RIGHT = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", 2 * n); return 0; }\n'


@pytest.fixture(scope="module", autouse=True)
def toy() -> Iterator[None]:
    """The two records, for as long as these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LANGUAGES, "toy", TOY)
        patch.setitem(COMPILERS, "toycc", TOY_COMPILER)
        yield


@pytest.fixture(scope="module")
def toy_verifier() -> Iterator[Verifier]:
    needs("gcc")
    with open_verifier(VerifySettings(workers=1)) as verifier:
        verifier.check([DOUBLE])
        yield verifier


@pytest.mark.parametrize("tag", ["toy", "toylang", "ty"])
def test_its_code_is_found_in_an_answer(tag: str) -> None:
    answer = f"Sure.\n```text\nnothing\n```\n```{tag}\n{RIGHT}```\n"
    assert extract_code(answer, DOUBLE) == RIGHT


def test_its_code_is_found_without_a_fence_too() -> None:
    assert extract_code(f"Here it is.\n\n{RIGHT}\nI hope this helps.", DOUBLE) == RIGHT


def test_the_prompt_asks_for_it_by_its_name() -> None:
    assert "Reply with the whole Toy program in one code block." in messages(DOUBLE)[0]["content"]
    assert completion_text(DOUBLE, RIGHT).startswith("```toy\n")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (RIGHT, "passed"),
        (RIGHT.replace("2 * n", "3 * n"), "wrong_answer"),
        (RIGHT.replace("return 0", "return 7"), "runtime_error"),
        ("int main(void) {", "compile_error"),
    ],
)
def test_it_is_verified(toy_verifier: Verifier, code: str, status: str) -> None:
    assert toy_verifier.verify(DOUBLE, code).status == status


def test_its_own_tests_run_to_their_end(toy_verifier: Verifier) -> None:
    tests = "#include <assert.h>\nint main(void) { assert(twice(4) == 8); return 0; }"
    problem = Problem("twice", "Write twice.", language="toy", tests=Tests("program", code=(tests,)))
    assert toy_verifier.verify(problem, "int twice(int n) { return 2 * n; }").passed
    assert toy_verifier.verify(problem, "int twice(int n) { return n; }").status == "wrong_answer"
    ends = "#include <stdlib.h>\nint twice(int n) { exit(0); }"
    assert toy_verifier.verify(problem, ends).status == "exited_early"


def test_comments_do_not_make_two_programs_of_one() -> None:
    assert normal_form(RIGHT, "toy") == normal_form(f"// mine\n{RIGHT}", "toylang")


def test_its_verifier_is_a_setting() -> None:
    verifier = next(setting for setting in settings_of(VerifyConfig) if setting.path == "verifier.type")
    assert "toycc" in verifier.choices
    assert VerifySettings.model_validate({"type": "toycc"}).type == "toycc"
    wrong = {"problems": "p", "samples": "s", "output": "o", "verifier": {"type": "toyc"}}
    with pytest.raises(ConfigError, match="did you mean 'toycc'"):
        VerifyConfig.parse(wrong)


def test_the_studio_highlights_it() -> None:
    assert '<span class="kt">int</span>' in str(highlighted(RIGHT, "toylang"))
