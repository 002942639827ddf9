"""The rules that keep the code readable: imports go down only, help opens fast, files and functions stay small."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "haloforge"
LAYERS = [
    ["errors"],
    ["records"],
    ["languages"],
    ["markup"],
    ["python_source"],
    ["files"],
    ["nesting"],
    ["settings"],
    ["config"],
    ["cores", "children"],
    ["statistics"],
    ["problems"],
    ["answers"],
    ["verify"],
    ["models"],
    ["generate"],
    ["serving"],
    ["train"],
    ["estimates"],
    ["store"],
    ["tracking"],
    ["stages"],
    ["jobs"],
    ["recipes", "pipeline"],
    ["doctor"],
    ["reports"],
    ["cli", "ui"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ROOMS_WITH_A_FACE = ["answers", "config", "problems", "store", "verify"]
"""Other rooms import these by their `__init__` alone. The faces of models, generate and train would load torch."""
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "gradio", "pandas", "plotly", "numpy"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def name_of(path: Path) -> str:
    """The dotted name of a module: haloforge.verify.cache; a package is named as its `__init__`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def room(module: str) -> str:
    """The layer that a module belongs to; empty for the package itself."""
    return (module.split(".") + [""])[1]


@cache
def imports(module: str) -> set[str]:
    """Modules of the package that this one imports, wherever in the file, by absolute or relative names."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            imported |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return (imported & MODULES.keys()) - {module}


def circles() -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        stack.append(module)
        for other in imports(module):
            if other not in index:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == index[module]:
            start = stack.index(module)
            groups.append(sorted(stack[start:]))
            del stack[start:]

    for module in MODULES:
        if module not in index:
            visit(module)
    return [group for group in groups if len(group) > 1]


def test_threads_share_one_locked_parser() -> None:
    own = [path.name for path in FILES if "box" not in path.parts and "ast.parse(" in path.read_text()]
    assert own == ["python_source.py"]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    here = room(module)
    if not here:
        assert not imports(module)
        return
    rooms = {room(other) for other in imports(module)} - {here, ""}
    assert not {there for there in rooms if RANK[there] >= RANK[here]}


def test_no_two_files_of_tests_have_the_same_name() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))  # pytest would collect neither


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles() == []


@pytest.mark.parametrize("module", MODULES)
def test_other_rooms_are_imported_by_their_face(module: str) -> None:
    faces = {f"haloforge.{name}" for name in ROOMS_WITH_A_FACE}
    beside = {other for other in imports(module) if room(other) != room(module)}
    assert [other for other in beside if room(other) in ROOMS_WITH_A_FACE and other not in faces] == []


def test_what_runs_in_the_sandbox_imports_the_standard_library_and_itself_alone() -> None:
    for path in (PACKAGE / "verify" / "box").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            absolute = node.names if isinstance(node, ast.Import) else []
            names = [alias.name for alias in absolute]
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"numpy"}, path


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, haloforge.cli.parser as p; p.build().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_the_ui_package_does_not_import_torch() -> None:
    code = "import sys, haloforge.ui; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "trl", "datasets"} & set(loaded)


@pytest.mark.parametrize("module", MODULES)
def test_only_train_imports_trl_and_only_the_store_and_the_verdict_cache_speak_sql(module: str) -> None:
    text = MODULES[module].read_text()
    if room(module) != "train":
        assert "from trl" not in text and "import trl" not in text
    if room(module) != "store" and module != "haloforge.verify.cache":
        assert not re.search(r"(import|from) sqlite|sqlite3\.connect\(|\bDatabase\(", text)


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_public_definition_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module itself"
    public = [
        node
        for parent in [tree, *[n for n in tree.body if isinstance(n, ast.ClassDef)]]
        for node in parent.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_tests_import_public_names_only(path: Path) -> None:
    imported = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imported if (node.module or "").startswith("haloforge")]
    assert [a.name for node in ours for a in node.names if a.name.startswith("_") and a.name != "__version__"] == []


def test_the_folders_of_the_tests_are_the_rooms() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(f) for f in folders if f.parts[:1] != ("browser",) and not (PACKAGE / f).is_dir()] == []
