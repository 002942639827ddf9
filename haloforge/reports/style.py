"""The style sheets of comparisons."""

from pathlib import Path

_HERE = Path(__file__).parent


def comparison_css() -> str:
    """The parts of a comparison, below an element of the class `slot`."""
    return (_HERE / "comparison.css").read_text(encoding="utf-8")


def document_css() -> str:
    """What a document on disk needs beside that: text, tables and boxes, which the app has rules of its own for."""
    return (_HERE / "document.css").read_text(encoding="utf-8")
