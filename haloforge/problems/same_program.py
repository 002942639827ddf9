"""Recognises Python programs that differ only in names, comments, docstrings, annotations and imports."""

import ast

from haloforge.python_source import parse


def nameless_form(code: str) -> tuple[str, int]:
    """A text that is equal for such programs, and its number of syntax nodes; ("", 0) where `code` is not Python."""
    tree = parse(code)
    if tree is None:
        return "", 0
    try:
        _RemoveDetails().visit(tree)
        own_names = {name for node in ast.walk(tree) for name in _names_bound_by(node)}
        _NumberNames(own_names).visit(tree)
        size = sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree))
        return ast.dump(tree, annotate_fields=False), size
    except (RecursionError, ValueError):  # it is too deep, or a number in it too long to be written
        return "", 0


def _names_bound_by(node: ast.AST) -> list[str]:
    """The name of a function, class, parameter, variable or caught exception that the node introduces."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.arg():
            return [node.arg]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
        case ast.ExceptHandler(name=str()):
            return [node.name or ""]
    return []


class _RemoveDetails(ast.NodeTransformer):
    """Removes imports, docstrings and annotations."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        """The node without its annotations; None removes it."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        if isinstance(node, ast.AnnAssign):
            node = ast.Assign([node.target], node.value) if node.value else ast.Pass()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return self.generic_visit(node)


class _NumberNames(ast.NodeTransformer):
    """Renames the program's own names to v0, v1 and so on, in order of appearance."""

    def __init__(self, own_names: set[str]) -> None:
        self.own_names = own_names
        self.new_names: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        """The node under its new name."""
        for field in ("id", "arg", "name"):
            name = vars(node).get(field)
            if name in self.own_names and not isinstance(node, ast.alias):
                setattr(node, field, self.new_names.setdefault(name, f"v{len(self.new_names)}"))
        return self.generic_visit(node)
