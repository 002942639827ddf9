"""The code in a model's answer. This is the only extraction in the project, so every stage judges the same program.

A fenced block is taken whole, right or wrong: what does not compile is the model's fault and scores as such. Only what
surrounds code is removed: prose, fences, the unfinished last statement of an answer that was cut, example sessions.
"""

import ast
import functools
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from haloforge.languages import Language, language_of
from haloforge.python_source import parse
from haloforge.records import Problem

_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#.-]*)")
_CONTINUES = re.compile(r"(else|elif|except|finally)\b|[)\]}]")
"""Lines that are not indented and yet belong to the statement before."""

_LONGEST_TEXT = 200_000
_MOST_LINES = 2_000
_MOST_BLOCKS = 200
_MOST_JOINED = 12
_MOST_FAILURES = 2_000
"""Bounds on the work that a hostile or endless answer can cause."""


@dataclass(frozen=True, slots=True)
class _Block:
    tag: str
    code: str
    is_closed: bool


def extract_code(text: str, problem: Problem) -> str | None:
    """The program in `text`, or None when nothing there is code. See the module for what is kept and what is cut."""
    text = text[:_LONGEST_TEXT].replace("\r\n", "\n")
    language = language_of(problem.language)
    blocks = _in_language(_blocks(text), language)
    code = _from_blocks(blocks, problem, language) if blocks else _from_prose(text, problem, language)
    code = code.lstrip("\n").rstrip() if code else ""
    return code + "\n" if code else None


def _blocks(text: str) -> list[_Block]:
    """Every fenced block, the last one perhaps still open. A fence with a language inside a block starts a new one."""
    blocks: list[_Block] = []
    fence, tag, lines = "", "", list[str]()
    for line in text.split("\n"):
        found = _FENCE.search(line)
        if not fence:
            if found:
                fence, tag, lines = found[1], found[2].lower(), []
                rest = line[found.end() :].strip()
                if rest.endswith(fence) and rest != fence:  # a whole block on one line
                    blocks.append(_Block(tag, rest.removesuffix(fence).strip(), True))
                    fence = ""
        elif found and found[1][0] == fence[0] and len(found[1]) >= len(fence) and _ends_block(line, found):
            blocks.append(_Block(tag, _joined([*lines, line[: found.start()].rstrip()]), True))
            is_new = bool(found[2]) and not line[: found.start()].strip() and line.rstrip().endswith(found[2])
            fence, tag, lines = (found[1], found[2].lower(), []) if is_new else ("", "", [])
        else:
            lines.append(line)
    if fence and any(map(str.strip, lines)):
        blocks.append(_Block(tag, _joined(lines), False))
    return [block for block in blocks if block.code.strip()][-_MOST_BLOCKS:]


def _ends_block(line: str, found: re.Match[str]) -> bool:
    """A fence at the start of a line, or one that a line of code runs into; not one inside a string or comment."""
    before = line[: found.start()].strip()
    return not before or (line.rstrip().endswith(found[1]) and not before.startswith(("#", "//", '"', "'")))


def _joined(lines: Sequence[str]) -> str:
    return textwrap.dedent("\n".join(lines))


def _in_language(blocks: list[_Block], language: Language) -> list[_Block]:
    """Blocks tagged with the problem's language, else untagged ones, else whatever there is."""
    matching = [block for block in blocks if block.tag in language.fence_names]
    untagged = [block for block in blocks if not block.tag]
    return matching or untagged or blocks


def _from_blocks(blocks: list[_Block], problem: Problem, language: Language) -> str | None:
    if language.syntax != "python":
        candidates = [block.code if block.is_closed else _without_tail(block.code, language) for block in blocks]
        return _best(candidates, [_names_entry(code, problem) for code in candidates])
    candidates = [
        _with_starter(block.code if block.is_closed else _finished_statements(block.code, problem), problem)
        for block in blocks
    ]
    return _best(
        candidates,
        [_defines_entry(code, problem) for code in candidates],
        [_is_program(code) for code in candidates],
    )


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
        return _cut_definition(lines)
    wished = [span for span in spans if _defines_entry(span, problem)]
    chosen = wished[-1] if wished else max(spans, key=len)
    imports = [s.rstrip("\n") for s in spans[: spans.index(chosen)] if _only_imports(s)]
    return "\n".join([*imports, chosen])


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
