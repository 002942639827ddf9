"""The rules that keep the code readable: imports go down only, help opens fast, files and functions stay small."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from places import ROOT

from haloforge.cores import may_have_gpu

PACKAGE = ROOT / "haloforge"
LAYERS = [
    ["errors"],
    ["records"],
    ["languages"],
    ["markup"],
    ["python_source"],
    ["files"],
    ["nesting", "yaml_text"],
    ["settings"],
    ["config"],
    ["cores", "children"],
    ["guard"],
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


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Every node of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text())))


def room(module: str) -> str:
    """The layer that a module belongs to; empty for the package itself."""
    return (module.split(".") + [""])[1]


@cache
def imports(module: str) -> set[str]:
    """Modules of the package that this one imports, wherever in the file, by absolute or relative names."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imported: set[str] = set()
    for node in nodes(path):
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


def test_imports_go_down_only() -> None:
    edges = [(module, other) for module in MODULES for other in imports(module)]
    up = [
        (module, other)
        for module, other in edges
        if room(other) not in (room(module), "") and (not room(module) or RANK[room(other)] >= RANK[room(module)])
    ]
    assert up == []
    assert not imports("haloforge")


def test_no_two_files_of_tests_have_the_same_name() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))  # pytest would collect neither


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles() == []


def test_other_rooms_are_imported_by_their_face() -> None:
    faces = {f"haloforge.{name}" for name in ROOMS_WITH_A_FACE}
    beside = [(module, other) for module in MODULES for other in imports(module) if room(other) != room(module)]
    assert [edge for edge in beside if room(edge[1]) in ROOMS_WITH_A_FACE and edge[1] not in faces] == []


def test_what_runs_in_the_sandbox_imports_the_standard_library_and_itself_alone() -> None:
    for path in (PACKAGE / "verify" / "box").rglob("*.py"):
        for node in nodes(path):
            absolute = node.names if isinstance(node, ast.Import) else []
            names = [alias.name for alias in absolute]
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"numpy"}, path


def loaded_by(code: str, folder: Path = ROOT) -> set[str]:
    """The modules that a process of its own prints after it has run this."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return set(ran.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, haloforge.cli.parser as p; p.build().format_help(); print(*sys.modules)"
    assert not HEAVY & loaded_by(code)


def test_a_command_that_only_reads_records_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; from haloforge.store import Store; Store().runs(); print(*sys.modules)"
    assert not HEAVY & loaded_by(code, tmp_path)


def test_who_asks_for_the_memory_of_a_machine_without_a_gpu_does_not_import_torch() -> None:
    if may_have_gpu():
        pytest.skip("this machine may have a GPU, which only torch can tell")
    code = "import sys; from haloforge.estimates.memory import Device; Device.here(); print(*sys.modules)"
    assert "torch" not in loaded_by(code)


def test_the_studio_does_not_import_torch() -> None:
    loaded = loaded_by("import sys, haloforge.ui.studio; print(*sys.modules)")
    assert "gradio" in loaded and not {"torch", "transformers", "trl", "datasets"} & loaded


def test_the_process_that_plans_does_not_import_the_studio() -> None:
    loaded = loaded_by("import sys, haloforge.ui.launch.planning; print(*sys.modules)")
    assert not {"gradio", "haloforge.ui.studio"} & loaded


def test_only_train_imports_trl() -> None:
    texts = {module: path.read_text() for module, path in MODULES.items() if room(module) != "train"}
    assert [module for module, text in texts.items() if "from trl" in text or "import trl" in text] == []


def test_only_the_store_and_the_verdict_cache_speak_sql() -> None:
    sql = re.compile(r"(import|from) sqlite|sqlite3\.connect\(|\bDatabase\(")
    others = [module for module in MODULES if room(module) != "store" and module != "haloforge.verify.cache"]
    assert [module for module in others if sql.search(MODULES[module].read_text())] == []


def test_files_stay_small() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in [*FILES, *TESTS]}
    assert {path: count for path, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_functions_stay_small() -> None:
    functions = [
        (str(path.relative_to(ROOT)), node.name, node.end_lineno - node.lineno + 1)
        for path in [*FILES, *TESTS]
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    assert [function for function in functions if function[2] > MAX_FUNCTION_LINES] == []


def public(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """What a module defines for others: functions, classes, and their methods."""
    return [
        node
        for parent in [tree, *[n for n in tree.body if isinstance(n, ast.ClassDef)]]
        for node in parent.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]


def test_every_module_and_every_public_definition_has_a_docstring() -> None:
    trees = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}
    assert [module for module, tree in trees.items() if not ast.get_docstring(tree)] == []
    definitions = [(module, node) for module, tree in trees.items() for node in public(tree)]
    assert [(module, node.name) for module, node in definitions if not ast.get_docstring(node)] == []


def test_tests_import_public_names_only() -> None:
    imported = [(path.name, node) for path in TESTS for node in nodes(path) if isinstance(node, ast.ImportFrom)]
    ours = [(file, a.name) for file, node in imported if f"{node.module}".startswith("haloforge") for a in node.names]
    assert [(file, name) for file, name in ours if name.startswith("_") and name != "__version__"] == []


def test_the_folders_of_the_tests_are_the_rooms() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(f) for f in folders if f.parts[:1] != ("browser",) and not (PACKAGE / f).is_dir()] == []
