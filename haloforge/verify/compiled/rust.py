"""What is special about Rust: plain rustc knows no crates but its own."""

import re

_USE = re.compile(r"^use\s+(?:::)?(\w+)([^;]*);[ \t]*\n", re.MULTILINE)
_OWN = frozenset({"std", "core", "alloc", "crate", "self", "super", "proc_macro"})


def without_unused_crates(code: str) -> str:
    """Drop `use` lines of foreign crates when nothing of theirs is used (HumanEvalPack has three in every prompt)."""
    for line in list(_USE.finditer(code)):
        crate, path = line[1], line[2]
        names = set(re.findall(r"\w+", path)) - {"self", "as"} or {crate}
        rest = _USE.sub("", code)
        if crate not in _OWN and not any(re.search(rf"\b{name}\b", rest) for name in {*names, f"mod {crate}"}):
            code = code.replace(line[0], "", 1)
    return code
