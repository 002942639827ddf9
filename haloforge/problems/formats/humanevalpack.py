"""HumanEvalPack (Muennighoff et al. 2023): HumanEval in six languages, each with a reference solution.

Columns: task_id (CPP/0), prompt (code that ends inside a function), declaration, canonical_solution, test (a program
tail with `main`, or a Rust test module), entry_point, and columns of its repair task that are not read here. Rows in
Go have test_setup too: the package clause and the imports that their tests need.
"""

from haloforge.errors import DataError
from haloforge.problems.columns import Row, optional_text, text
from haloforge.records import Problem, Tests

_LANGUAGES = {"CPP": "cpp", "Go": "go", "Java": "java", "JavaScript": "javascript", "Python": "python", "Rust": "rust"}

_GO_PACKAGES = ("bytes", "crypto/md5", "fmt", "math", "math/rand", "regexp", "sort", "strconv", "strings", "time")
"""Packages that the original harness imports for every Go solution, because a solution cannot import by itself."""


def adapt(row: Row) -> Problem:
    """One row of any of its languages."""
    task_id = text(row, "task_id")
    language = _LANGUAGES.get(task_id.partition("/")[0])
    if language is None:
        raise DataError(f'"task_id" {task_id!r} does not begin with one of {", ".join(_LANGUAGES)}')
    prompt = _missing_includes(row) + text(row, "prompt")
    return Problem(
        task_id=task_id,
        prompt=prompt,
        language=language,
        tests=Tests(kind="program", code=(text(row, "test"),), setup=_go_setup(row) if language == "go" else ""),
        entry_point=text(row, "entry_point"),
        solution=prompt + text(row, "canonical_solution").rstrip() + "\n",
        source="humanevalpack",
        split="test",
        license="MIT",
        meta={"prompt_is_code": True},
    )


def _missing_includes(row: Row) -> str:
    """C++ prompts lack some headers that the reference solution and the tests use; the declaration has them."""
    prompt = text(row, "prompt")
    lines = (line.strip() for line in text(row, "declaration").splitlines())
    return "".join(f"{line}\n" for line in lines if line.startswith("#include") and line not in prompt)


def _go_setup(row: Row) -> str:
    return optional_text(row, "test_setup").rstrip() + "".join(f'\nimport "{name}"' for name in _GO_PACKAGES) + "\n"
