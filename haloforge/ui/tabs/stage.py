"""The tabs of the stages: a form, and beside it the panel that says what it will do and starts it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from haloforge.config import STAGES as CONFIGS
from haloforge.store import Store
from haloforge.ui.form import Form
from haloforge.ui.launch import described, presets
from haloforge.ui.launch.session import Launch
from haloforge.ui.markup import Html, empty, h, link
from haloforge.ui.page import Page
from haloforge.ui.palette import STAGES
from haloforge.ui.panes import new_pane
from haloforge.ui.view import open_run
from haloforge.ui.widgets import run_detail, run_overview

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}


def build(page: Page, stage: str) -> None:
    """The tab of SFT, RAFT or Benchmark: the form on the left, the panel with the newest run on the right."""
    with gr.Row(elem_classes=["sides", "launch"]):
        with gr.Column(scale=7, min_width=320):
            parts = _fields(page, stage)
        with gr.Column(scale=5, min_width=320, elem_classes="aside"):
            _panel(page, stage, parts)
            newest_run_panel(page, stage, [stage])


def stage_form(page: Page, tab: str, stage: str) -> Form:
    """Build the form of a stage with its panel beneath it."""
    parts = _fields(page, stage)
    _panel(page, tab, parts)
    return parts.launch.form


def newest_run_panel(page: Page, tab: str, stage_names: Sequence[str]) -> None:
    """A pane that follows the newest run of these stages."""
    page.pane(tab, lambda store, _view: newest_run(store, stage_names), f"{tab}-live")


class Parts(NamedTuple):
    """What a form and its panel share: who answers, and the components besides the fields."""

    launch: Launch
    preset: gr.Dropdown
    yaml: gr.Textbox
    lay: gr.Button
    file: gr.UploadButton


def _fields(page: Page, stage: str) -> Parts:
    with page.store() as store:
        base, offered = presets.values_of(stage, presets.start(stage), store), presets.choices(store, stage)
    with gr.Column(elem_id=f"{stage}-form", elem_classes="form-side"):
        with gr.Row(elem_classes=["fields", "preset"]):
            preset = gr.Dropdown(
                offered,
                value=presets.start(stage),
                label="Preset",
                allow_custom_value=True,  # a run that is gone since must not be an error of the page
                info="Settings to begin with: for a kind of machine, or those of an earlier run.",
                elem_id=f"{stage}-preset",
            )
        form = Form(CONFIGS[stage], lambda kind: described.named(kind, page.root), base)
        with gr.Accordion("YAML: drop, paste or open", open=False, elem_classes="group", elem_id=f"{stage}-yaml-group"):
            text = gr.Textbox(
                label="YAML", lines=4, placeholder="generation:\n  temperature: 0.9", elem_id=f"{stage}-yaml"
            )
            with gr.Row(elem_classes="actions"):
                lay = gr.Button("Lay over the form", size="md", elem_id=f"{stage}-yaml-lay")
                file = gr.UploadButton("Open a file", size="md", file_types=[".yaml", ".yml"], elem_id=f"{stage}-load")
    page.forms[stage] = form
    launch = Launch(page.root, form, page.planner, read_only=page.read_only)
    return Parts(launch, preset, text, lay, file)


def _panel(page: Page, tab: str, parts: Parts) -> None:
    """The panel and its events."""
    launch, preset, yaml, lay, file = parts
    form, stage = launch.form, launch.stage
    with gr.Column(elem_classes="launch-panel"):
        with gr.Column(elem_classes="go-bar"):
            start = gr.Button("Start", variant="primary", size="md", elem_id=f"{stage}-start", interactive=False)
            state, said = new_pane(f"{stage}-status"), new_pane(f"{stage}-said")
        plan = scripted_pane(f"{stage}-plan", f"haloForecast('{stage}', element, props, watch, trigger)")
        preview = scripted_pane(f"{stage}-preview", f"haloForm('{stage}', '{tab}', element, props, watch, trigger)")
    fields, now = form.components, [state, preview, start]
    typed = [preset, *fields]
    gr.on([f.change for f in typed], launch.changed, typed, now, trigger_mode="always_last", queue=False, **QUIET)
    plan.submit(launch.foreseen, typed, [state, plan, start], trigger_mode="multiple", **QUIET)
    preview.select(launch.told, typed, [said, *now, preset, *fields], trigger_mode="multiple", queue=False, **QUIET)
    preset.input(launch.preset_chosen, typed, fields, queue=False, **QUIET)
    lay.click(launch.laid, yaml, [said, *fields], **QUIET)
    file.upload(launch.opened_file, file, [said, *fields], **QUIET)
    started = start.click(lambda _preset, *values: launch.start(values), typed, said, **QUIET)
    started.then(launch.changed, typed, now, queue=False, **QUIET)
    page.started(started)
    page.fill(tab, [said, preset, *fields], launch.opened)


def scripted_pane(elem_id: str, script: str) -> gr.HTML:
    """A pane with a function of form.js, which sends messages to the server too."""
    return gr.HTML(
        "", html_template='<div class="slot"></div>', js_on_load=script, apply_default_css=False, elem_id=elem_id,
        elem_classes=["pane"],
    )  # fmt: skip


def newest_run(store: Store, stage_names: Sequence[str]) -> Html:
    """The run of these stages that is at work, else the newest: status, progress, charts, its last log lines."""
    running = [run for name in stage_names for run in store.runs(stage=name, status="running", limit=1)]
    newest = running or [run for name in stage_names for run in store.runs(stage=name, limit=1)]
    if not newest:
        what = f"{STAGES[stage_names[0]]} run" if len(stage_names) == 1 else "run"
        return empty(f"No {what} yet. Once you press Start, it is followed here.")
    run = max(newest, key=lambda r: r.created)
    lines = [e.data["text"] for e in store.last_events(run.id, "log", 8)]
    return h(
        "div",
        run_detail.head(store, run, compact=True),
        run_overview.figures(store, run),
        run_overview.run_charts(store, run),
        lines and h("pre", "\n".join(lines), cls="log", tabindex=0, role="log", aria_label="Reported"),
        link("Open the run", open_run(run.id), cls="act"),
        cls="card stack",
    )
