"""The rules that keep the code readable: imports go down only, help opens fast, files and functions stay small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "haloforge"
LAYERS = [
    ["errors"],
    ["records"],
    ["languages"],
    ["files"],
    ["settings"],
    ["config"],
    ["cores"],
    ["statistics"],
    ["problems"],
    ["answers"],
    ["verify"],
    ["models"],
    ["generate"],
    ["train"],
    ["store"],
    ["stages"],
    ["jobs"],
    ["doctor"],
    ["cli", "ui"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "gradio", "pandas", "plotly", "numpy"}


def room(path: Path) -> str:
    """The layer that a file belongs to: its folder or its own name directly under the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Rooms of the package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for name in [f"{module}.{n}" if module else n for n in names]:
            parts = name.split(".")
            if parts[0] == "haloforge" and len(parts) > 1 and parts[1] in RANK:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert not imports(path)
        return
    assert not {there for there in imports(path) if there != here and RANK[there] >= RANK[here]}


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, haloforge.cli.parser as p; p.build().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_the_ui_package_does_not_import_torch() -> None:
    code = "import sys, haloforge.ui; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "trl", "datasets"} & set(loaded)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_train_imports_trl_and_only_schema_and_store_speak_sql(path: Path) -> None:
    text = path.read_text()
    if room(path) != "train":
        assert "from trl" not in text and "import trl" not in text
    if room(path) not in ("store", "verify"):
        assert "sqlite" not in text.replace("sqlite-utils", "")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 460
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 60, node.name


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
