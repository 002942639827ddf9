"""From what a model wrote to a program that can be judged."""

import ast
import re

from haloforge.answers.class_members import closing_brace, in_class, without_texts
from haloforge.languages import Language, language_of
from haloforge.python_source import bound_at_top, parse
from haloforge.records import Problem


def whole_program(problem: Problem, text: str) -> str:
    """The program for `text`, which is either a bare completion of the problem's starter code or whole code already.

    Tests of kind `program` may begin with the closing brace of the function that the prompt opened; a whole function
    then loses its last brace, and a class of Java is left open with its members in it. Never raises: what is no program
    stays what it is, and fails to compile.
    """
    starter = problem.starter_code
    if not starter:
        return text
    language = language_of(problem.language)
    if language.syntax == "python":
        return _python(problem, starter, text)
    return _braced(problem, language, starter, text)


def cut_at_stop_tokens(problem: Problem, completion: str) -> str:
    """The completion up to the first of the problem's stop tokens."""
    ends = [index for token in problem.stop_tokens if (index := completion.find(token)) >= 0]
    return completion[: min(ends)] if ends else completion


def _python(problem: Problem, starter: str, text: str) -> str:
    if not _defines(text, problem.entry_point):
        return starter + cut_at_stop_tokens(problem, text)
    missing = _missing_from(starter, text, problem.entry_point)
    return f"{missing}\n\n{text}" if missing else text


def _defines(text: str, name: str | None) -> bool:
    tree = parse(text)
    return tree is not None and name is not None and name in bound_at_top(tree.body)


def _missing_from(starter: str, text: str, entry_point: str | None) -> str:
    """The starter's imports and helpers that the text does not define itself."""
    tree, written = parse(starter), parse(text)
    if tree is None or written is None:
        return ""
    have = bound_at_top(written.body)
    kept = []
    for node in tree.body:
        names = bound_at_top([node])
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue  # it would have to stand first, and the text would not be compiled under it
        if names and entry_point not in names and not names <= have:
            kept.append(ast.get_source_segment(starter, node) or "")
    return "\n\n".join(kept)


def _braced(problem: Problem, language: Language, starter: str, text: str) -> str:
    tests = problem.tests.code[0] if problem.tests.kind == "program" and problem.tests.code else ""
    closes = tests.lstrip().startswith("}")
    name = problem.entry_point or _last_function(starter)
    if not name or not _begins(language, name, text):
        return starter + cut_at_stop_tokens(problem, text)
    if language.functions_in_classes:
        return in_class(starter, text, name) if closes else "\n".join([*_preamble(starter, text, name), text])
    helpers = _helpers(language, starter, text, name)
    if language.imports == "joined":  # later, with those of the tests
        return "\n".join([text, *helpers])
    may_repeat = bool(helpers) and language.imports == "repeatable"
    program = "\n".join([*_preamble(starter, "" if may_repeat else text, name), *helpers, text])
    return program.rstrip().removesuffix("}") if closes else program


_CALLERS = r"return|else|if|while|for|switch|case|do|throw|new|delete|co_return"


def _head(language: Language, name: str) -> str:
    """What the definition of a function begins with."""
    if language.definition:
        return language.definition.format(name=name)
    keyword = language.function_keyword or rf"(?!(?:{_CALLERS})\b)\w[^\n;{{}}()=]*\b"
    return rf"^[ \t]*{keyword}({name})\s*[(<\[]"


def _begins(language: Language, name: str, text: str) -> bool:
    """Whether the text defines that function, and does not only call it."""
    if language.definition:
        return re.search(_head(language, re.escape(name)), text, re.MULTILINE) is not None
    brace = semicolon = -1
    for head in re.finditer(_head(language, re.escape(name)), text, re.MULTILINE):
        if brace < head.end() and (brace := text.find("{", head.end())) < 0:
            return False
        if semicolon < head.end():
            semicolon = text.find(";", head.end()) % (len(text) + 1)  # the end of the text where there is none
        if brace < semicolon:
            return True
    return False


def _helpers(language: Language, starter: str, text: str, name: str) -> list[str]:
    """Whole functions of the starter that the text does not define itself, and may call."""
    masked = without_texts(starter)
    found, position = [], 0
    while head := re.compile(_head(language, r"\w+"), re.MULTILINE).search(masked, position):
        position = closing_brace(masked, head.end())
        if head[1] not in (name, "main") and masked[position - 1] == "}" and not _begins(language, head[1], text):
            found.append(starter[head.start() : position])
    return found


def _last_function(starter: str) -> str | None:
    names = re.findall(r"(\w+)\s*\([^()]*\)[^(){}]*\{\s*$", starter.rstrip() + "\n")
    return names[-1] if names else None


def _preamble(starter: str, text: str, name: str) -> list[str]:
    """Lines of the starter before its open function that the text lacks: includes, imports, using, use, mod."""
    lines = starter.splitlines()
    opening = max(
        (i for i, line in enumerate(lines) if re.search(rf"\b{re.escape(name)}\b.*\{{?\s*$", line)), default=0
    )
    wanted = re.compile(r"\s*(#\s*include|import\s|using\s|use\s|mod\s|(?:const|let|var)\s.*\brequire\()")
    return [line for line in lines[:opening] if wanted.match(line) and line.strip() not in text]
