"""Where every function stands in a class, as in Java: an answer is put into the class that the problem's prompt opens.

The time is linear in the length of the text.
"""

import re
from typing import NamedTuple

# What is opened and not closed goes to the end, so that no reading is done twice.
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\])*+\"?|`[^`]*+`?|'(?:\\.|[^'\\\n])'", re.DOTALL)
_IMPORT = re.compile(r"^[ \t]*(?:import|package)\s[^;\n]*;[ \t]*\n?", re.MULTILINE)
_CLASS = re.compile(r"\bclass\s+(\w+)[^{;]*\{")
_MAIN = re.compile(r"^[ \t]*(?:(?:public|static|final)\s+){1,3}void\s+main\s*\(", re.MULTILINE)
_BRACE = re.compile(r"[{}]")
_OPEN = "    static void opened() {\n"
"""A method for the tests to close: the text's own are whole."""


class _Parts(NamedTuple):
    """The members of a class, and the other types that stand beside it."""

    members: str
    beside: str


def in_class(starter: str, text: str, name: str) -> str:
    """The text's methods in the class that the starter opens, its last method left open for the tests to close.

    The class that the text may have around the method `name`, whatever it is called, goes, and so does its `main`, for
    the tests bring one; other types are kept before it.
    """
    holder = next((found[1] for found in reversed(list(_CLASS.finditer(without_texts(starter))))), "Problem")
    imports = dict.fromkeys(found[0].strip() for code in (starter, text) for found in _IMPORT.finditer(code))
    needed = "".join(f"{line}\n" for line in imports if not line.startswith("package"))
    parts = _parts(_IMPORT.sub("", text), name)
    return f"{needed}{parts.beside}\nclass {holder} {{\n{_without_main(parts.members)}\n{_OPEN}"


def _parts(text: str, name: str) -> _Parts:
    masked = without_texts(text)
    method = re.search(rf"^[ \t]*\w[^\n;{{}}()=]*\b{re.escape(name)}\s*\(", masked, re.MULTILINE)
    opened = _outermost_open(masked, method.start() if method else 0)
    if opened is None:
        return _Parts(text, "")
    head = max(masked.rfind(mark, 0, opened) for mark in "};") + 1
    end = closing_brace(masked, opened)
    whole = masked[end - 1 : end] == "}"
    return _Parts(text[opened + 1 : end - 1 if whole else end], f"{text[:head]}{text[end:]}")


def _outermost_open(masked: str, position: int) -> int | None:
    """Where the outermost block begins that is open at the position."""
    depth, outermost = 0, None
    for brace in _BRACE.finditer(masked, 0, position):
        if depth == 0 and brace[0] == "{":
            outermost = brace.start()
        depth = max(0, depth + (1 if brace[0] == "{" else -1))
    return outermost if depth else None


def _without_main(members: str) -> str:
    masked = without_texts(members)
    depth, read = 0, 0
    for main in _MAIN.finditer(masked):
        for brace in _BRACE.finditer(masked, read, main.start()):
            depth = max(0, depth + (1 if brace[0] == "{" else -1))
        read = main.start()
        if depth == 0:
            return members[: main.start()] + members[closing_brace(masked, main.end()) :]
    return members


def without_texts(code: str) -> str:
    """The code of the same length, with blanks for comments, texts and characters."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)


def closing_brace(code: str, start: int) -> int:
    """Where the block that opens after `start` has ended; the end of the code where it does not."""
    depth = 0
    for brace in _BRACE.finditer(code, start):
        depth += 1 if brace[0] == "{" else -1
        if brace[0] == "}" and depth == 0:
            return brace.end()
    return len(code)
