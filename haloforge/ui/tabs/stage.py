"""The tabs of the stages: a form that queues runs, and beside it the newest run of the stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from haloforge import jobs, stages
from haloforge.config import STAGES as CONFIGS
from haloforge.errors import ForgeError
from haloforge.settings import StageConfig, command, values
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.form import Form
from haloforge.ui.formatting import title
from haloforge.ui.markup import Html, command_line, empty, h, join, link, note
from haloforge.ui.page import Page
from haloforge.ui.palette import STAGES
from haloforge.ui.panes import new_pane
from haloforge.ui.view import View, open_run
from haloforge.ui.widgets import run_detail, run_overview


def build(page: Page, stage: str) -> None:
    """The tab of SFT, RAFT or Benchmark: the form on the left, the newest run on the right."""
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=6, min_width=320):
            stage_form(page, stage, stage)
        with gr.Column(scale=6, min_width=320):
            newest_run_panel(page, stage, [stage])


def stage_form(page: Page, tab: str, stage: str) -> Form:
    """Build the form of a stage with its buttons: start, dry run, load and save YAML, copy as command."""
    cls = CONFIGS[stage]
    new_pane(value=h("p", cls.__doc__ or "", cls="muted"))
    form = Form(cls, lambda kind: inventory.choices(kind, page.root))
    message = new_pane(f"{stage}-said")
    with gr.Row(elem_classes=["actions", "floor"]):
        start_button = gr.Button(
            "Start", variant="primary", size="md", elem_id=f"{stage}-start", interactive=not page.read_only
        )
        dry_button = gr.Button("Dry run", size="md", elem_id=f"{stage}-dry-run")
        load_button = gr.UploadButton("Load YAML", size="md", file_types=[".yaml", ".yml"], elem_id=f"{stage}-load")
    preview_pane = new_pane(f"{stage}-preview", preview(form, [c.value for c in form.components]))
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    fields = form.components
    gr.on(
        [f.change for f in fields],
        lambda *v: preview(form, v),
        fields,
        preview_pane,
        trigger_mode="always_last",
        queue=False,
        **quiet,
    )
    dry_button.click(lambda *v: dry_run(form, v), fields, message, **quiet)
    load_button.upload(lambda path: load_yaml(form, path), load_button, [message, *fields], **quiet)
    page.started(start_button.click(lambda *v: start(page, form, v), fields, message, **quiet))
    page.forms[stage] = form
    page.fill(tab, [preview_pane, *fields], lambda store, view: opened(form, store, view))
    return form


def newest_run_panel(page: Page, tab: str, stage_names: Sequence[str]) -> None:
    """A pane that follows the newest run of these stages."""
    page.pane(tab, lambda store, _view: newest_run(store, stage_names), f"{tab}-live")


def start(page: Page, form: Form, typed: Sequence[Any]) -> Html:
    """Queue a run with what was typed; returns the sentence to show beneath the form."""
    try:
        config = form.parse(typed)
        stages.plan(config, measures=False)  # what a dry run refuses is refused before a run exists
        with page.store() as store:
            run = jobs.submit(store, config)
    except ForgeError as error:
        return note(str(error), "error")
    return note(join(["Queued as ", link(title(run), open_run(run.id)), "."]), "good")


def dry_run(form: Form, typed: Sequence[Any]) -> Html:
    """What the stage would do, line by line, or why it could not."""
    try:
        config = form.parse(typed)
        lines = stages.plan(config)
    except ForgeError as error:
        return note(str(error), "error")
    return h("div", h("h3", "Dry run: nothing was done"), h("ul", [h("li", line) for line in lines]), cls="note accent")


def preview(form: Form, typed: Sequence[Any]) -> Html:
    """The form as a command and as a YAML file, or what is still missing."""
    try:
        config = form.parse(typed)
    except ForgeError as error:
        return h("p", str(error), cls="muted")
    return join([command_line(command(config)), save_link(config)])


def save_link(config: StageConfig) -> Html:
    """A link that downloads the configuration; no file is written on the server."""
    data = f"data:text/yaml;charset=utf-8,{quote(config.to_yaml(), safe='')}"
    return h("p", h("a", "Save YAML", href=data, download=f"{config.stage}.yaml", cls="act"), style="margin-top:8px")


def load_yaml(form: Form, path: str) -> list[Any]:
    """The form filled from an uploaded file, and a sentence about it."""
    try:
        config = form.cls.load(Path(path))
    except ForgeError as error:
        return [note(str(error).replace(path, Path(path).name), "error"), *([gr.skip()] * len(form.components))]
    return [note(f"Loaded {Path(path).name}.", "good"), *form.show(values(config))]


def opened(form: Form, store: Store, view: View) -> list[Any]:
    """When the tab opens: the choices of now; and the settings of the run to clone, if the address names one."""
    run = store.find_run(view.get("from", ""))
    if run is None or run.stage != form.cls.stage:
        return [gr.skip(), *form.refresh()]
    try:
        return [gr.skip(), *form.show(values(form.cls.parse(run.config)))]
    except ForgeError as error:
        return [h("p", f"{title(run)} cannot be cloned: {error}", cls="bad"), *form.refresh()]


def newest_run(store: Store, stage_names: Sequence[str]) -> Html:
    """The newest run of these stages: status, progress, charts, its last log lines."""
    newest = [run for name in stage_names for run in store.runs(stage=name, limit=1)]
    if not newest:
        return empty(f"No {STAGES[stage_names[0]]} run yet. Fill in the form and press Start; this side follows it.")
    run = max(newest, key=lambda r: r.created)
    lines = [e.data["text"] for e in store.events(run.id, kind="log")][-8:]
    return h(
        "div",
        run_detail.head(store, run, compact=True),
        run_overview.figures(store, run),
        run_overview.run_charts(store, run),
        lines and h("pre", "\n".join(lines), cls="log", tabindex=0, role="log", aria_label="Reported"),
        link("Open the run", open_run(run.id), cls="act"),
        cls="card stack",
    )
