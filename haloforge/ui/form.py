"""A form made from a config class: one component per setting, and from their values a validated config."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import gradio as gr

from haloforge.errors import ConfigError
from haloforge.settings import Setting, StageConfig, as_text, settings
from haloforge.ui.formatting import label, number
from haloforge.ui.markup import h
from haloforge.ui.panes import new_pane

Choices = Callable[[str], Sequence[str]]
"""From the kind of a setting (model, problems, file) to the names that its field offers."""

SECTIONS = {
    "model": "Model",
    "data": "Data",
    "training": "Training",
    "lora": "LoRA adapter",
    "raft": "Loop",
    "generation": "Sampling",
    "verifier": "Verifier",
    "evaluation": "Held-out evaluation",
}
"""Section of the config -> heading of its group of fields."""
EXAMPLES = {"output": "data/train.jsonl", "split": "train", "language": "python", "limit": "all"}
"""Setting -> placeholder of its field while it is empty."""
_AMBIGUOUS = ("name", "type")


class Form:
    """The components of one stage, in the order of its settings."""

    def __init__(self, cls: type[StageConfig], choices: Choices) -> None:
        self.cls, self.choices = cls, choices
        self.settings = settings(cls)
        self.components: list[Any] = []
        fields: dict[str, Any] = {}
        self._add_fields([s for s in self.settings if not s.advanced], fields)
        advanced = [s for s in self.settings if s.advanced]
        if advanced:
            with gr.Accordion("Advanced", open=False):
                self._add_fields(advanced, fields)
        self.components = [fields[s.path] for s in self.settings]

    def parse(self, values: Sequence[Any]) -> StageConfig:
        """The config that the fields describe. Raises ConfigError, one sentence."""
        missing = [heading(s) for s, v in zip(self.settings, values, strict=True) if _is_missing(s, v)]
        if missing:
            raise ConfigError(f"Still to fill in: {', '.join(missing)}.")
        try:
            return self.cls.parse(nested(self.flat(values)))
        except ConfigError as error:
            raise ConfigError(in_labels(str(error), self.settings)) from error

    def flat(self, values: Sequence[Any]) -> dict[str, Any]:
        """Dotted path -> value, None where nothing was typed."""
        return {s.path: clean(s, v) for s, v in zip(self.settings, values, strict=True)}

    def show(self, flat: Mapping[str, Any]) -> list[Any]:
        """Updates that put these values (dotted path -> value) into the fields, with the choices of now."""
        return [self._update(s, True, flat.get(s.path, s.default)) for s in self.settings]

    def refresh(self) -> list[Any]:
        """Updates of the choices only: what was typed stays."""
        return [self._update(s, False, None) for s in self.settings]

    def _update(self, s: Setting, with_value: bool, value: Any) -> Any:
        changes: dict[str, Any] = {"choices": list(self.choices(s.kind))} if is_picked(s) else {}
        if with_value:
            changes["value"] = shown(s, value)
        return gr.update(**changes) if changes else gr.skip()

    def _add_fields(self, chosen: Sequence[Setting], fields: dict[str, Any]) -> None:
        for section, group in groupby(chosen, key=lambda s: s.path.rpartition(".")[0]):
            if section:
                new_pane(value=h("h3", SECTIONS.get(section, label(section)), cls="group"))
            with gr.Row(elem_classes="fields"):
                for s in group:
                    fields[s.path] = component(s, self.choices, self.cls.stage)


def component(s: Setting, choices: Choices, stage: str) -> Any:
    """The component for one setting: its kind follows the type; help and bounds are beneath the label."""
    common: dict[str, Any] = {
        "label": heading(s),
        "info": explain(s),
        "value": shown(s, s.default),
        "interactive": True,
        "min_width": 200,
        "elem_id": f"{stage}-{s.path.replace('.', '-')}",
    }
    if s.choices:
        return gr.Dropdown(list(s.choices), **common)
    if is_picked(s):
        return gr.Dropdown(list(choices(s.kind)), allow_custom_value=True, **common)
    if s.type is bool:
        return gr.Checkbox(**common)
    if s.type in (int, float) and not s.optional and not s.takes_auto:  # a Number cannot be empty: it shows 0
        return gr.Number(**common)  # without a precision, which would round 2.5 to 2 and say nothing
    return gr.Textbox(max_lines=4, placeholder=EXAMPLES.get(s.path, ""), **common)


def heading(s: Setting) -> str:
    """The label of a setting; it begins with the section where the name alone is ambiguous (model name)."""
    section, _, name = s.path.rpartition(".")
    return label(f"{section}_{name}" if name in _AMBIGUOUS and section else name)


def explain(s: Setting) -> str:
    """Help and bounds in one line."""
    low, high = s.minimum, s.maximum
    bounds = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
    if low is not None and high is None:
        bounds = f"at least {number(low)}"
    if s.takes_auto:
        bounds += ", or auto"
    text = s.help.rstrip()
    return f"{text} ({bounds})" if bounds else text


def in_labels(sentence: str, known: Sequence[Setting]) -> str:
    """A sentence about settings and flags, with the labels of the page instead: "Number of cycles" for raft.num_cycles.

    A name that is an ordinary word too (model) is a setting only where a reason follows it.
    """
    for s in sorted(known, key=lambda s: -len(s.path)):
        end = r"(?![\w.])" if "." in s.path else r"(?= should | cannot | is missing)"
        sentence = re.sub(rf"(?<![\w.-]){re.escape(s.path)}{end}", f'"{heading(s)}"', sentence)
        sentence = re.sub(rf"--{re.escape(s.flag)}(?![\w-])", f'"{heading(s)}"', sentence)
    return sentence


def is_picked(s: Setting) -> bool:
    """True for a setting whose value usually names something that exists already."""
    return s.kind in ("model", "problems") or (s.kind == "file" and not s.is_output)


def shown(s: Setting, value: Any) -> Any:
    """A setting's value as its component holds it."""
    if isinstance(value, list | tuple):
        return as_text(value)
    if value is None and not s.choices:
        return ""
    return str(value) if (s.optional or s.takes_auto) and s.type in (int, float) else value


def clean(s: Setting, value: Any) -> Any:
    """A component's value as the config wants it. An empty field is None, or the default where None is not allowed."""
    if isinstance(value, str):
        value = value.strip()
    if value in ("", None, []):
        return None if s.optional or s.required else s.default
    if s.type is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _is_missing(s: Setting, value: Any) -> bool:
    """Whether a field that must hold something is empty. A number's default is never taken in silence."""
    is_number = s.type in (int, float) and not s.optional
    return (s.required and clean(s, value) is None) or (is_number and value in ("", None))


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} -> {"a": {"b": 1}}; values that are None are left out."""
    root: dict[str, Any] = {}
    for path, value in flat.items():
        if value is None:
            continue
        *parents, leaf = path.split(".")
        node = root
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = value
    return root
