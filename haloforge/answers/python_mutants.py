"""Small changes of a Python program, found in its syntax tree."""

import ast
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from haloforge.python_source import parse

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NOT_RUN = frozenset(["annotation", "returns", "type_params", "decorator_list", "type_comment"])
"""Parts of the tree whose change changes nothing, or everything."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place of a program where a small change can be made; `kind` is what sort of change it is."""

    kind: str
    text: str
    """What is changed into what, in which line."""
    _parent: ast.AST
    _field: str
    _index: int | None
    _new: ast.AST

    def apply(self, tree: ast.Module) -> str:
        """The changed program. `tree`, which the change belongs to, stays as it was."""
        value = getattr(self._parent, self._field)
        old = value if self._index is None else value[self._index]
        self._put(self._new)
        try:
            return ast.unparse(ast.fix_missing_locations(tree))
        finally:
            self._put(old)

    def _put(self, node: ast.AST) -> None:
        if self._index is None:
            setattr(self._parent, self._field, node)
        else:
            getattr(self._parent, self._field)[self._index] = node


def python_changes(code: str, given: Collection[str] = ()) -> tuple[ast.Module, list[Change]]:
    """The tree of a program and all small changes that can be made to it; none where it does not parse.

    Functions at the top level whose names are `given` are left alone.
    """
    tree = parse(code) or ast.Module([], [])
    changes = []
    for parent, field, index, child in _places(tree, given):
        for kind, new in _replacements(child, field):
            text = f"line {getattr(child, 'lineno', 0)}: {_short(child)} became {_short(new)}"
            changes.append(Change(kind, text, parent, field, index, new))
    return tree, changes


def _places(parent: ast.AST, given: Collection[str] = ()) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node that runs, with where it hangs; no docstrings."""
    for field, value in ast.iter_fields(parent):
        if field in _NOT_RUN:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.FunctionDef) and child.name in given:
                continue
            if isinstance(child, ast.AST) and not _is_text_alone(child):
                yield parent, field, index, child
                yield from _places(child)


def _is_text_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _replacements(node: ast.AST, field: str) -> Iterator[tuple[str, ast.AST]]:
    """What could stand in place of a node, with the kind of the change."""
    match node:
        case ast.Compare(ops=[op]):
            for other in _COMPARED[type(op)]:
                yield "comparison", ast.Compare(node.left, [other()], node.comparators)
        case ast.BinOp(op=op) if not (_is_text(node.left) or _is_text(node.right)) and type(op) in _CALCULATED:
            yield "operator", ast.BinOp(node.left, _CALCULATED[type(op)](), node.right)
        case ast.BoolOp(op=op):
            yield "condition", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield "operator", operand
        case ast.Constant(value=value):
            yield from (("constant", ast.Constant(other)) for other in _other_constants(value))
        case ast.Call(func=ast.Name(id="range"), args=[_, *_] as args):
            yield from (("off by one", _with_end(node, shifted)) for shifted in _shifted(args[:2][-1]))
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            yield "operator", ast.Call(ast.Name(_CALLED[name], ast.Load()), node.args, node.keywords)
        case ast.Subscript(slice=ast.Name() | ast.BinOp() as index, ctx=ast.Load()):
            yield "off by one", ast.Subscript(node.value, next(_shifted(index)), ast.Load())
        case _:
            yield from _changed_statements(node)
    if field in ("test", "ifs") and isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
        yield "condition", _negated(node)


def _changed_statements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return", ast.Return(ast.Constant(None))
        case ast.AugAssign(op=op):
            if type(op) in _CALCULATED:
                yield "operator", ast.AugAssign(node.target, _CALCULATED[type(op)](), node.value)
            yield "statement", ast.Pass()
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Subscript() | ast.Attribute() | ast.Tuple()]):
            yield "statement", ast.Pass()
        case ast.Break():
            yield "statement", ast.Continue()
        case ast.Continue():
            yield "statement", ast.Pass()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _negated(node: ast.expr) -> ast.expr:
    """Its opposite; of a comparison, the comparison that is also one of its own changes."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return ast.Compare(node.left, [_COMPARED[type(node.ops[0])][-1]()], node.comparators)
    return ast.UnaryOp(ast.Not(), node)


def _other_constants(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield value + 1
    elif isinstance(value, str):
        yield "" if value else "mutant"


def _shifted(node: ast.expr) -> Iterator[ast.expr]:
    yield from (ast.BinOp(node, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub()))


def _with_end(call: ast.Call, end: ast.expr) -> ast.Call:
    """A call of `range` with another end."""
    changed = copy.copy(call)
    position = min(len(call.args), 2) - 1
    changed.args = [*call.args[:position], end, *call.args[position + 1 :]]
    return changed


def _short(node: ast.AST) -> str:
    """The first line of its source."""
    text = "nothing" if isinstance(node, ast.Pass) else ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else text[:59] + "…"
