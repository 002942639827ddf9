"""Colours of every document of ours, on a light and on a dark page."""

from typing import NamedTuple

from haloforge.records import Status


class Look(NamedTuple):
    """The word of a status, and its colour on a light page, on a dark page, and in charts on both."""

    word: str
    light: str
    dark: str
    chart: str


ACCENT = "#c2410c"
"""The one accent colour, called ember. White text on it has a contrast of 5.2."""

VERDICTS: dict[Status, Look] = {
    "passed": Look("passed", "#166534", "#4ade80", "#22a35a"),
    "wrong_answer": Look("wrong answer", "#92400e", "#fbbf24", "#d99a26"),
    "runtime_error": Look("runtime error", "#be123c", "#fb7185", "#e0506f"),
    "compile_error": Look("compile error", "#6d28d9", "#c4b5fd", "#8b6be0"),
    "timeout": Look("timeout", "#1d4ed8", "#93c5fd", "#4f86e8"),
    "memory_limit": Look("memory limit", "#0e7490", "#67e8f9", "#2aa5bf"),
    "output_limit": Look("output limit", "#3f6212", "#bef264", "#8fae35"),
    "violation": Look("violation", "#a21caf", "#f0abfc", "#c450d4"),
    "exited_early": Look("exited early", "#9d174d", "#f9a8d4", "#d9679f"),
    "no_code": Look("no program", "#475569", "#cbd5e1", "#7c8aa0"),
    "unscored": Look("unscored", "#57657a", "#94a3b8", "#b4bfcc"),
}

PAGE: dict[str, tuple[str, str]] = {
    "page": ("#f8fafc", "#0b1120"),
    "panel": ("#ffffff", "#111a2c"),
    "raised": ("#f1f5f9", "#1a2438"),
    "line": ("#dfe5ed", "#263246"),
    "line-strong": ("#cbd5e1", "#3b4a61"),
    "text": ("#0f172a", "#e2e8f0"),
    "muted": ("#475569", "#9fb0c6"),
    "accent": ("#c2410c", "#c2410c"),
    "accent-text": ("#c2410c", "#fb923c"),
    "good": ("#166534", "#4ade80"),
    "bad": ("#be123c", "#fb7185"),
    "doubt": ("#92400e", "#fbbf24"),
    "code-keyword": ("#6d28d9", "#c4b5fd"),
    "code-type": ("#1d4ed8", "#93c5fd"),
    "code-name": ("#0f5e73", "#67e8f9"),
    "code-text": ("#166534", "#86efac"),
    "code-number": ("#92400e", "#fbbf24"),
    "code-comment": ("#566478", "#94a3b8"),
    "code-builtin": ("#9d174d", "#f9a8d4"),
}
"""Name of a variable of the style sheets -> its colour on a light and on a dark page."""

LINES = ("#c2410c", "#4f86e8", "#22a35a", "#8b6be0", "#d99a26", "#2aa5bf")
"""Colours of the lines of a chart, in their order; each can be told from its neighbours on light and dark pages."""


def page_css(dark: str) -> str:
    """The variables with their colours. `dark` is a selector; where it holds, those of a dark page count.

    A media query does as well as a selector.
    """
    light_rules, dark_rules = (";".join(f"--{name}:{pair[i]}" for name, pair in PAGE.items()) for i in (0, 1))
    inner = f":root{{{dark_rules}}}" if dark.startswith("@") else dark_rules
    return f":root{{{light_rules}}}\n{dark}{{{inner}}}"


def chip_css(dark: str) -> str:
    """The colours of `.chip.STATUS` of verdicts; `dark` as in `page_css`."""
    light = [f".chip.{name}{{--ink:{look.light}}}" for name, look in VERDICTS.items()]
    is_query, prefix = dark.startswith("@"), "" if dark.startswith("@") else f"{dark} "
    shades = "\n".join(f"{prefix}.chip.{name}{{--ink:{look.dark}}}" for name, look in VERDICTS.items())
    return "\n".join([*light, f"{dark}{{{shades}}}" if is_query else shades])
