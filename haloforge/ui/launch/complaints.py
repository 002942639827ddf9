"""What is wrong with what a form holds, by field and in the words of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from haloforge.errors import ConfigError
from haloforge.nesting import nested
from haloforge.settings import Setting, StageConfig
from haloforge.ui.fields import heading, in_labels


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong: the path of the setting whose field says so ("" for none), and a sentence."""

    path: str
    sentence: str
    label: str = ""

    def whole(self) -> str:
        """The sentence with the label of the field in front of it, for a place that is not beside the field."""
        return f'"{self.label}" {self.sentence}' if self.label else self.sentence


def complaints(cls: type[StageConfig], known: Sequence[Setting], flat: Mapping[str, Any]) -> list[Complaint]:
    """Everything that the config class refuses of these values (dotted path -> value)."""
    data = nested(flat)
    try:
        cls.model_validate(cls.written_out(data))
    except ValidationError as e:
        return [_complaint(error, known) for error in e.errors()]
    try:
        cls.parse(data)
    except ConfigError as error:
        return [about(str(error), known)]
    return []


def about(sentence: str, known: Sequence[Setting]) -> Complaint:
    """A sentence of the product, with the field of the first setting that it names."""
    places = {s.path: sentence.find(s.path if "." in s.path else f"{s.path} ") for s in known}
    flags = {s.path: sentence.find(f"--{s.flag}") for s in known}
    found = [(place, -len(path), path) for d in (places, flags) for path, place in d.items() if place >= 0]
    return Complaint(min(found)[2] if found else "", in_labels(sentence, known))


def _complaint(error: Any, known: Sequence[Setting]) -> Complaint:
    path = ".".join(str(part) for part in error["loc"])
    inside = [s for s in known if s.path == path or s.path.startswith(f"{path}.")]
    s = inside[0] if inside and path else _of_union(path, known)
    if s is None or error["type"] == "value_error" and not inside:
        return about(str(error.get("ctx", {}).get("error", error["msg"])), known)
    if error["type"] == "value_error" and s.path != path:  # of a whole section
        return about(str(error["ctx"]["error"]), known)
    return Complaint(s.path, _sentence(s, error), heading(s))


def _of_union(path: str, known: Sequence[Setting]) -> Setting | None:
    """The setting of a place inside its value: `data.train_file.str` is in `data.train_file`."""
    return next((s for s in known if path.startswith(f"{s.path}.")), None)


_WORDS = {
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_type": "should be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "should be a number, with a point for decimals",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "greater_than_equal": "should be at least {ge:g}",
    "greater_than": "should be more than {gt:g}",
    "less_than_equal": "should be at most {le:g}",
    "less_than": "should be less than {lt:g}",
    "missing": "is still to fill in",
}
"""Type of pydantic's error -> what the field says."""


def _sentence(s: Setting, error: Any) -> str:
    words = _WORDS.get(error["type"])
    if words is None:
        reason = error.get("ctx", {}).get("error")
        return f"cannot be read: {reason}" if reason else error["msg"].replace("Input should be", "should be", 1)
    text = words.format(**error.get("ctx", {}))
    auto = ", or auto" if s.takes_auto else ""
    given = "" if error["type"] == "missing" else f" (not {error['input']})"
    return f"{text}{auto}{given}"
