"""The code in a model's answer. This is the only extraction in the project, so every stage judges the same program.

A fenced block is taken whole, right or wrong: what does not compile is the model's fault and scores as such. Only what
surrounds code is removed: prose, fences, the unfinished last statement of an answer that was cut, example sessions.
"""

import ast
import functools
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from haloforge.answers.fences import Block, before_blocks, fenced_blocks
from haloforge.languages import Language, language_of
from haloforge.python_source import bound_at_top, parse, unbound_names
from haloforge.records import Problem

_CONTINUES = re.compile(r"(else|elif|except|finally)\b|[)\]}]")
"""Lines that are not indented and yet belong to the statement before."""

_LONGEST_TEXT = 200_000
_MOST_LINES = 2_000
_MOST_JOINED = 12
_MOST_FAILURES = 2_000
"""Bounds on the work that a hostile or endless answer can cause."""


def extract_code(text: str, problem: Problem) -> str | None:
    """The program in `text`, or None when nothing there is code. See the module for what is kept and what is cut."""
    text = text[:_LONGEST_TEXT].replace("\r\n", "\n")
    language = language_of(problem.language)
    blocks = _in_language(fenced_blocks(text, python=language.syntax == "python"), language)
    code = _from_blocks(blocks, problem, language) if blocks else _from_prose(text, problem, language)
    if blocks and code and problem.entry_point and not _has_entry(code, problem, language):
        before = _from_prose(before_blocks(text), problem, language)  # an answer that began as if its fence were open
        code = before if before and _has_entry(before, problem, language) else code
    code = code.lstrip("\n").rstrip() if code else ""
    return code + "\n" if code else None


def _has_entry(code: str, problem: Problem, language: Language) -> bool:
    return (_defines_entry if language.syntax == "python" else _names_entry)(code, problem)


def _in_language(blocks: list[Block], language: Language) -> list[Block]:
    """Blocks tagged with the problem's language, else untagged ones, else whatever there is."""
    matching = [block for block in blocks if block.tag in language.fence_names]
    untagged = [block for block in blocks if not block.tag]
    return matching or untagged or blocks


def _from_blocks(blocks: list[Block], problem: Problem, language: Language) -> str:
    is_python = language.syntax == "python"
    codes = [_code_of(block, problem, language) for block in blocks]
    has_entry = [_has_entry(code, problem, language) for code in codes]
    is_whole = [block.is_closed or _is_whole(code, language) for block, code in zip(blocks, codes, strict=True)]
    wished = [found and whole for found, whole in zip(has_entry, is_whole, strict=True)]
    best = _best(codes, wished, has_entry, [is_python and _is_program(code) for code in codes])
    return _with_missing(best, codes) if is_python else best


def _code_of(block: Block, problem: Problem, language: Language) -> str:
    if language.syntax != "python":
        return block.code if block.is_closed else _without_tail(block.code, language)
    return _with_starter(block.code if block.is_closed else _finished_statements(block.code, problem), problem)


def _is_whole(code: str, language: Language) -> bool:
    """Whether nothing that was begun is missing, as in the last block of an answer that was cut."""
    if language.syntax == "python":
        return parse(code) is not None
    return sum({"{": 1, "}": -1}.get(token[0], 0) for token in _tokens(language).finditer(code)) <= 0


def _best(candidates: list[str], *wishes: list[bool]) -> str:
    """The last candidate that fulfils the first wish, else the next wish, else the last of all."""
    for wish in wishes:
        if any(wish):
            return [code for code, is_good in zip(candidates, wish, strict=True) if is_good][-1]
    return candidates[-1]


def _from_prose(text: str, problem: Problem, language: Language) -> str | None:
    if not language.first_line:
        return None
    start = re.compile(language.first_line)
    if language.syntax == "python":
        return _python_in_prose(text, problem, start)
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if start.match(line)), None)
    return None if first is None else _without_tail("\n".join(lines[first:]), language)


# -- Python --------------------------------------------------------------------------------------------------------


def _definitions(code: str) -> list[str]:
    tree = parse(code)
    if tree is None:
        return re.findall(r"^(?:async )?(?:def|class) (\w+)", code, re.MULTILINE)
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assigned = [t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
    return [node.name for node in tree.body if isinstance(node, named)] + assigned


def _defines_entry(code: str, problem: Problem) -> bool:
    return problem.entry_point is not None and problem.entry_point in _definitions(code)


def _is_program(code: str) -> bool:
    """Parses, and does more than to name values (the output of an example also parses)."""
    tree = parse(code)
    return tree is not None and any(
        not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call | ast.Await) for node in tree.body
    )


def _with_starter(code: str, problem: Problem) -> str:
    """Code that only continues the starter (a function body) is put after it."""
    starter = problem.starter_code
    if not starter or not problem.entry_point or _defines_entry(code, problem):
        return code
    body = code if code.lstrip("\n")[:1].isspace() else textwrap.indent(code, "    ")
    whole = f"{starter.rstrip()}\n{body}"
    return whole if parse(whole) else code


def _with_missing(code: str, blocks: Sequence[str]) -> str:
    """With the imports, functions and classes of other blocks that it uses: some answers give a program in parts."""
    tree = parse(code)
    missing = unbound_names(tree) if tree else set()
    if not missing:
        return code
    parts: list[str] = []
    for block in reversed(blocks):
        other = parse(block) if block != code else None
        for node in reversed(other.body if other else []):
            if isinstance(node, _BRINGS_NAMES) and missing & bound_at_top([node]):
                missing = (missing | unbound_names(node)) - bound_at_top([node])
                parts.append(ast.unparse(node))
    return "\n\n".join([*reversed(parts), code])


_BRINGS_NAMES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _finished_statements(code: str, problem: Problem) -> str:
    """Cut the unfinished last statement off an answer that was cut; keep it when nothing useful would be left."""
    if parse(code):
        return code
    lines = code.split("\n")
    finished = next(_spans(lines, re.compile("")), "")
    is_enough = _defines_entry(finished, problem) if problem.entry_point else _is_program(finished)
    return finished if is_enough and code.lstrip("\n").startswith(finished) else code


def _spans(lines: Sequence[str], start: re.Pattern[str]) -> Iterator[str]:
    """The longest runs of whole top-level statements, each of whose first lines looks like `start`.

    A statement is taken to end before a line that is not indented; where that does not parse (an open bracket, a
    string over several lines, a decorator) a few more are added. So every line is parsed a bounded number of times, and
    a text in which too much does not parse is read no further.
    """
    heads = [i for i, line in enumerate(lines) if line[:1].strip() and not _CONTINUES.match(line)]
    bounds = [*heads, len(lines)]
    first, at, failures = None, 0, 0
    while at < len(heads) and failures < _MOST_FAILURES:
        ends = bounds[at + 1 : at + 1 + _MOST_JOINED] if start.match(lines[heads[at]]) else []
        end = next((end for end in ends if parse("\n".join(lines[heads[at] : end]))), None)
        if end is not None:
            first = heads[at] if first is None else first
            at = bounds.index(end, at)
            continue
        if first is not None:
            yield "\n".join(lines[first : heads[at]])
        first, at, failures = None, at + 1, failures + len(ends)
    if first is not None:
        yield "\n".join(lines[first : bounds[at]])


def _python_in_prose(text: str, problem: Problem, start: re.Pattern[str]) -> str | None:
    """Code without a fence: the span that defines the entry point, else the longest, with the imports before it."""
    lines = textwrap.dedent(text).split("\n")[:_MOST_LINES]
    spans = [span for span in _spans(lines, start) if _is_program(span)]
    continued = _with_starter(_body(text), problem)
    if not any(_defines_entry(span, problem) for span in spans) and _defines_entry(continued, problem):
        return continued
    if not spans:
        return _from_indented(lines, problem) or _cut_definition(lines)
    wished = [span for span in spans if _defines_entry(span, problem)]
    chosen = wished[-1] if wished else max(spans, key=len)
    imports = [s.rstrip("\n") for s in spans[: spans.index(chosen)] if _only_imports(s)]
    return "\n".join([*imports, chosen])


def _from_indented(lines: Sequence[str], problem: Problem) -> str | None:
    """The last run of indented lines that is a program, as Markdown writes code without a fence."""
    runs = itertools.groupby(lines, lambda line: not line.strip() or line.startswith(("    ", "\t")))
    codes = [textwrap.dedent("\n".join(run)).strip("\n") for is_code, run in runs if is_code]
    is_wished = _defines_entry if problem.entry_point else lambda code, _: _is_program(code)
    return next((code for code in reversed(codes) if is_wished(code, problem)), None)


def _only_imports(code: str) -> bool:
    tree = parse(code)
    return tree is not None and all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)


def _body(text: str) -> str:
    """The indented lines that a bare completion begins with."""
    lines = text.strip("\n").split("\n")
    end = next((i for i, line in enumerate(lines) if line.strip() and not line[0].isspace()), len(lines))
    return "\n".join(lines[:end])


def _cut_definition(lines: Sequence[str]) -> str | None:
    """A definition that was begun and never finished is still an answer: one that does not compile."""
    first = next((i for i, line in enumerate(lines) if re.match(r"(async )?(def|class) \w+.*", line)), None)
    return None if first is None else "\n".join(lines[first:])


# -- languages with braces -----------------------------------------------------------------------------------------


def _without_tail(code: str, language: Language) -> str:
    """Cut what follows the last top-level closing brace; a program that is cut inside braces stays as it is.

    Where statements may follow it, only lines at the end go that do not end as code does.
    """
    if language.runs_top_level:
        return _without_last_prose(code)
    depth, end = 0, 0
    for token in _tokens(language).finditer(code):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if token[0] == "}" and depth <= 0:
            end, depth = token.end(), 0
    if depth > 0 or end == 0:
        return code
    tail = re.match(r"\s*;", code[end:])
    return code[: end + (tail.end() if tail else 0)]


def _without_last_prose(code: str) -> str:
    lines = code.split("\n")
    while lines and not lines[-1].rstrip().endswith((";", "}", ")", "]", ",", "{", "(", "*/")):
        lines.pop()
    return "\n".join(lines) or code


@functools.cache
def _tokens(language: Language) -> re.Pattern[str]:
    """Comments, texts and characters, in which braces do not count, and braces.

    A text that is opened and not closed goes to the end of its line, so that no reading is done twice.
    """
    line, opening, closing = map(re.escape, (language.line_comment, *language.block_comment))
    return re.compile(
        rf'{line}[^\n]*|{opening}.*?(?:{closing}|\Z)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])\'|`[^`]*(?:`|\Z)|[{{}}]',
        re.DOTALL,
    )


def _names_entry(code: str, problem: Problem) -> bool:
    name, definition = problem.entry_point or "main", language_of(problem.language).definition
    wanted = definition.format(name=re.escape(name)) if definition else rf"\b{re.escape(name)}\s*\("
    return re.search(wanted, code, re.MULTILINE) is not None
