"""A form made from a config class: one component per setting, and from their values a validated config."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import ConfigError
from haloforge.nesting import nested
from haloforge.settings import Setting, StageConfig, output_setting, settings
from haloforge.ui.fields import (
    ESSENTIAL,
    EXAMPLES,
    SECTIONS,
    clean,
    explain,
    group_of,
    heading,
    is_missing,
    is_number,
    is_picked,
    shown,
)
from haloforge.ui.launch import names
from haloforge.ui.launch.complaints import Complaint, complaints

Choices = Callable[[str], Sequence[Any]]
"""From the kind of a setting (model, problems, file) to what its field offers: names, or pairs of text and name."""


@dataclass(frozen=True)
class Checked:
    """What a form holds: the config, or why there is none; `output` is the name that an empty output field means."""

    config: StageConfig | None
    missing: Sequence[Setting]
    wrong: Sequence[Complaint]
    output: str

    def why_not(self) -> str:
        """What stands in the way of a run, in one sentence; empty where nothing does."""
        if self.wrong:
            return "; ".join(complaint.whole() for complaint in self.wrong)
        return f"Still to fill in: {', '.join(map(heading, self.missing))}." if self.missing else ""


class Form:
    """The components of one stage, in the order of its settings: the essential ones, then the others in groups."""

    def __init__(self, cls: type[StageConfig], choices: Choices, start: Mapping[str, Any] | None = None) -> None:
        self.cls, self.choices, self._start = cls, choices, dict(start or {})
        self.settings = settings(cls)
        self.groups: dict[str, list[str]] = {}
        """Id of a closed group -> the settings in it."""
        self.components: list[Any] = []
        fields: dict[str, Any] = {}
        by_path = {s.path: s for s in self.settings}
        first = [by_path[path] for path in ESSENTIAL[cls.stage]]
        self._add_row([s for s in first if s.kind or s.path == "dataset"], fields, "fields what")
        self._add_row([s for s in first if not (s.kind or s.path == "dataset")], fields, "fields")
        self._add_groups([s for s in self.settings if s not in first], fields)
        self.components = [fields[s.path] for s in self.settings]

    def parse(self, values: Sequence[Any], taken: Iterable[Path] = ()) -> StageConfig:
        """The config that the fields describe. Raises ConfigError, one sentence."""
        checked = self.check(values, taken)
        if checked.config is None:
            raise ConfigError(checked.why_not())
        return checked.config

    def check(self, values: Sequence[Any], taken: Iterable[Path] = ()) -> Checked:
        """The config that the fields describe, or what is wrong with each; `taken`: outputs that others will write."""
        flat = self.flat(values)
        missing = [s for s, v in zip(self.settings, values, strict=True) if is_missing(s, v)]
        marked, output = output_setting(self.cls), ""
        if marked and flat[marked.path] is None:
            flat[marked.path] = output = names.proposed(self.cls.stage, flat, taken)
        paths = {s.path for s in missing}
        found = complaints(self.cls, self.settings, flat)
        wrong = [complaint for complaint in found if complaint.path not in paths]
        config = None if found or missing else self.cls.parse(nested(flat))
        return Checked(config, missing, wrong, output)

    def flat(self, values: Sequence[Any]) -> dict[str, Any]:
        """Dotted path -> value, None where nothing was typed."""
        return {s.path: clean(s, v) for s, v in zip(self.settings, values, strict=True)}

    def show(self, flat: Mapping[str, Any]) -> list[Any]:
        """Updates that put these values (dotted path -> value) into the fields, with the choices of now."""
        return [self._update(s, True, flat.get(s.path, s.default)) for s in self.settings]

    def lay(self, flat: Mapping[str, Any]) -> list[Any]:
        """Updates that put these values into their fields and leave the others as they are."""
        return [self._update(s, s.path in flat, flat.get(s.path)) for s in self.settings]

    def refresh(self) -> list[Any]:
        """Updates of the choices only: what was typed stays."""
        return [self._update(s, False, None) for s in self.settings]

    def _update(self, s: Setting, with_value: bool, value: Any) -> Any:
        changes: dict[str, Any] = {"choices": list(self.choices(s.kind))} if is_picked(s) else {}
        if with_value:
            changes["value"] = shown(s, value)
        return gr.update(**changes) if changes else gr.skip()

    def _add_row(self, chosen: Sequence[Setting], fields: dict[str, Any], classes: str) -> None:
        with gr.Row(elem_classes=classes.split()):
            for s in chosen:
                fields[s.path] = component(s, self.choices, self.cls.stage, self._start.get(s.path, s.default))

    def _add_groups(self, rest: Sequence[Setting], fields: dict[str, Any]) -> None:
        for name, group in groupby(sorted(rest, key=lambda s: list(SECTIONS).index(group_of(s))), key=group_of):
            elem_id = f"{self.cls.stage}-group-{name or 'run'}"
            chosen = list(group)
            self.groups[elem_id] = [s.path for s in chosen]
            with gr.Accordion(SECTIONS[name], open=False, elem_id=elem_id, elem_classes="group"):
                self._add_row(chosen, fields, "fields")


def field_id(stage: str, path: str) -> str:
    """The id of a field's element."""
    return f"{stage}-{path.replace('.', '-')}"


def component(s: Setting, choices: Choices, stage: str, value: Any) -> Any:
    """The component for one setting. Its kind follows the type; a number is text, so that it is kept as typed."""
    common: dict[str, Any] = {
        "label": heading(s),
        "info": explain(s),
        "value": shown(s, value),
        "interactive": True,
        "min_width": 150,
        "elem_id": field_id(stage, s.path),
    }
    if s.choices:
        return gr.Dropdown(list(s.choices), **common)
    if is_picked(s):
        return gr.Dropdown(list(choices(s.kind)), allow_custom_value=True, **common)
    if s.type is bool:
        return gr.Checkbox(**common)
    placeholder = "named by itself" if s.is_output else EXAMPLES.get(s.path, "none" if s.optional else "")
    return gr.Textbox(max_lines=1 if is_number(s) else 4, placeholder=placeholder, **common)
