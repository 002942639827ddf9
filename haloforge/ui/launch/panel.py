"""The side panel of a form: whether Start is on and why not, what would happen, the command, the YAML."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from haloforge.doctor import Check
from haloforge.settings import Setting, StageConfig, command
from haloforge.ui import inventory
from haloforge.ui.fields import clean, heading, in_labels, shown
from haloforge.ui.form import Checked, Form, field_id
from haloforge.ui.launch.complaints import about
from haloforge.ui.launch.planner import Plan
from haloforge.ui.launch.presets import is_what
from haloforge.ui.markup import Child, Html, command_line, h, join, link
from haloforge.ui.view import query

UNTOLD = "not asked for"
"""What a plan says of the time before it was measured."""
_OFF = "Start is off. "
_MARKS = {"ok": "\u2713", "optional": "\u2013", "missing": "\u2717"}


def is_ready(checked: Checked, plan: Plan | None) -> bool:
    """Whether Start may be pressed; a plan that is not told yet is checked by Start itself."""
    return checked.config is not None and not (plan and plan.error)


def status(form: Form, checked: Checked, plan: Plan | None, *, read_only: bool = False) -> Html:
    """One line beside Start: ready and how long it takes, or why Start is off."""
    if read_only:
        return h("p", _OFF, "This demo is read-only.", cls="muted")
    if checked.config is None:
        return h("p", _OFF, checked.why_not(), _no_data(form), cls="bad" if checked.wrong else "muted")
    if plan is None:
        return h("p", "Working out what this will do\u2026", cls="muted")
    if plan.error:
        return h("p", _OFF, in_labels(plan.error, form.settings), cls="bad")
    told = dict(split(line) for line in plan.lines)
    time = re.split(r"; | \(", told.get("time", UNTOLD))[0]
    known = "" if time == UNTOLD or time.startswith("not ") else f": {time}"
    return h("p", f"Ready{known}", cls="good")


def _no_data(form: Form) -> list[Child]:
    """Where to get what every choice of a file is empty without."""
    if form.cls.stage not in ("sft", "raft", "benchmark") or inventory.data_files_here():
        return []
    prepare = link("prepare one", query({"tab": "data"}))
    pipeline = link("train by the whole pipeline", query({"tab": "pipeline"}))
    return [" No data file is here yet: ", prepare, ", or ", pipeline, "."]


def told(form: Form, plan: Plan, typed: Sequence[Any]) -> Html:
    """What the dry run says: time and memory first, then what must be there, then everything else."""
    lines = [split(line) for line in plan.lines]
    checked = {check.name for check in plan.checks}
    first = [(name, text) for name, text in lines if name in ("time", "memory") and text != UNTOLD]
    others = [(name, text) for name, text in lines if name not in {"time", "memory"} | checked]
    wrong = json.dumps(wrong_of(form, plan, typed))
    is_told = dict(lines).get("time") != UNTOLD
    parts = [
        h("dl", [_measured(*pair) for pair in sorted(first, reverse=True)], cls="facts large") if first else None,
        h("ul", map(_row, plan.checks), cls="checks", aria_label="What must be there") if plan.checks else None,
        _lines(others),
    ]
    return h("div", parts, cls="stack tight", data_told="yes" if is_told else "no", data_wrong=wrong)


def preview(form: Form, checked: Checked, facts: Mapping[str, Any]) -> Html:
    """The form as a command and as YAML, and for the script of the page what to say at which field."""
    said = h("div", hidden=True, data_form=json.dumps(facts))
    if checked.config is None:
        return said
    text = checked.config.to_yaml()
    copy = h("button", "Copy YAML", cls="act", type="button", data_copy=text)
    yaml = h(
        "details", h("summary", "As YAML"), h("pre", text, cls="short", tabindex=0), id=f"{form.cls.stage}-as-yaml"
    )
    buttons = h("div", copy, save_link(checked.config), cls="row")
    return join([said, h("div", command_line(command(checked.config)), yaml, buttons, cls="stack tight")])


def facts_of(
    form: Form, checked: Checked, typed: Sequence[Any], base: Mapping[str, Any], preset: str
) -> dict[str, Any]:
    """For the script: complaints and changes by field, changes by group, what a draft must hold, the output's name."""
    stage, values = form.cls.stage, dict(zip((s.path for s in form.settings), typed, strict=True))
    different = [s for s in form.settings if not same(s, values[s.path], base.get(s.path))]
    changed = {s.path for s in different if not is_what(stage, s.path)}
    return {
        "stage": stage,
        "wrong": {field_id(stage, c.path): _sentence(c.sentence) for c in checked.wrong if c.path},
        "changed": {field_id(stage, s.path): _preset_text(s, base) for s in different if s.path in changed},
        "groups": {group: len(changed.intersection(paths)) for group, paths in form.groups.items()},
        "draft": {
            "preset": preset,
            "values": {s.path: values[s.path] for s in different if _may_be_kept(values[s.path])},
        },
        "output": {field_id(stage, s.path): checked.output for s in form.settings if s.is_output},
    }


def wrong_of(form: Form, plan: Plan, typed: Sequence[Any]) -> dict[str, str]:
    """The field that the refusal of a plan is about, by its value or its name, and the refusal; empty for neither."""
    if not plan.error:
        return {}
    named = {s.path: clean(s, value) for s, value in zip(form.settings, typed, strict=True) if s.kind}
    by_value = [path for path, value in named.items() if isinstance(value, str) and value in plan.error]
    complaint = about(plan.error, form.settings)
    path = by_value[0] if by_value else complaint.path
    return {field_id(form.cls.stage, path): complaint.sentence} if path else {}


def save_link(config: StageConfig) -> Html:
    """A link that downloads the configuration; no file is written on the server."""
    data = f"data:text/yaml;charset=utf-8,{quote(config.to_yaml(), safe='')}"
    return h("a", "Save YAML", href=data, download=f"{config.stage}.yaml", cls="act")


def same(s: Setting, typed: Any, value: Any) -> bool:
    """Whether a field says the value; 5e-4 and 0.0005 are the same, and so are an empty field and no value."""
    here, there = clean(s, typed), clean(s, shown(s, value))
    if here == there or (here in (None, "", False) and there in (None, "", False)):
        return True
    try:
        return s.type in (int, float) and float(here) == float(there)
    except (TypeError, ValueError):
        return False


def split(line: str) -> tuple[str, str]:
    """A line of a dry run: its name, and behind two spaces or more the rest."""
    name, *rest = re.split(r"\s{2,}", line, maxsplit=1)
    return (name, rest[0]) if rest else ("", line)


def _lines(lines: Sequence[tuple[str, str]]) -> Html | None:
    """Lines of a dry run with their names, or as a list where they have none."""
    if any(name for name, _ in lines):
        return h("dl", [[h("dt", _sentence(name)), h("dd", text)] for name, text in lines], cls="facts")
    return h("ul", [h("li", _sentence(text)) for _, text in lines], cls="plain") if lines else None


def _measured(name: str, text: str) -> list[Html]:
    """A figure, and smaller beneath it what it is made of and what it rests on."""
    figure, _, rest = text.partition("; ")
    parts = re.fullmatch(r"(.*?) \((.*?)\)(.*)", figure)
    head, detail = (parts[1] + parts[3], parts[2]) if parts else (figure, "")
    smaller = "; ".join(filter(None, (detail, rest)))
    return [
        h("dt", _sentence(name)),
        h("dd", h("b", _sentence(head)), smaller and h("span", smaller, cls="muted rest")),
    ]


def _row(check: Check) -> Html:
    mark = h("b", _MARKS[check.state], role="img", aria_label=check.state)
    text = f"{check.text}; {check.hint}" if check.hint else check.text
    return h("li", mark, h("span", _sentence(check.name)), h("span", text), cls=check.state)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _preset_text(s: Setting, base: Mapping[str, Any]) -> str:
    value = shown(s, base.get(s.path))
    return f"{heading(s)}: the preset says {value if value not in ('', None) else 'nothing'}"


def _may_be_kept(value: Any) -> bool:
    """False for an address that may hold a password (user:password@host), as drafts are kept in the browser."""
    return not (isinstance(value, str) and "://" in value and "@" in value)
