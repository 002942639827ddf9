"""Python programs that are the same but for names, comments, docstrings, annotations and imports."""

import ast

from haloforge.python_source import parse


def nameless_form(code: str) -> tuple[str, int]:
    """A text that such programs share, and how many syntax nodes it has; ("", 0) for what is not Python."""
    tree = parse(code)
    if tree is None:
        return "", 0
    _Undressing().visit(tree)
    try:
        bound = {name for node in ast.walk(tree) for name in _bound(node)}
        _Renaming(bound).visit(tree)
        size = sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree))
        return ast.dump(tree, annotate_fields=False), size
    except RecursionError:
        return "", 0


def _bound(node: ast.AST) -> list[str]:
    """Names that the program gives: functions, classes, parameters, variables."""
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


class _Undressing(ast.NodeTransformer):
    """Drops what has no part in the algorithm."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        """The node without its types, or None to drop it."""
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


class _Renaming(ast.NodeTransformer):
    """Numbers the program's own names in order of appearance."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.numbers: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        """The node under its number."""
        for field in ("id", "arg", "name"):
            name = vars(node).get(field)
            if name in self.bound and not isinstance(node, ast.alias):
                setattr(node, field, self.numbers.setdefault(name, f"v{len(self.numbers)}"))
        return self.generic_visit(node)
