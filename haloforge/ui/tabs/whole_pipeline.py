"""The whole pipeline with one click: data, a benchmark, SFT, RAFT, and the same benchmark again."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from haloforge import jobs
from haloforge.errors import ConfigError, ForgeError
from haloforge.models import EMBEDDED
from haloforge.problems import SOURCES
from haloforge.settings import StageConfig, command
from haloforge.store import Store
from haloforge.ui import pipeline
from haloforge.ui.fields import FACTS, clean_text
from haloforge.ui.formatting import number
from haloforge.ui.launch import described, names, presets
from haloforge.ui.launch.panel import UNTOLD
from haloforge.ui.markup import Html, h, join, link, note
from haloforge.ui.page import Page
from haloforge.ui.palette import STAGES
from haloforge.ui.panes import new_pane
from haloforge.ui.tabs.stage import QUIET, newest_run_panel, scripted_pane
from haloforge.ui.view import open_run

TYPED = "typed"
"""In the place of a preset: what the tabs of the stages say."""
_STAGES = ("sft", "raft", "benchmark")
_WHAT = (
    "Prepares problems, measures the model, trains it on solutions (SFT), then on its own passing programs (RAFT), and "
    "measures it again on the same problems, which it never saw. One press of Start queues all of it."
)


class Asked(NamedTuple):
    """What the fields of the tab hold, as they come from the page."""

    preset: str
    dataset: str
    model: str
    language: str
    folder: str


def build(page: Page) -> None:
    """The few choices on the left; on the right Start, the runs, and the newest of them."""
    with gr.Row(elem_classes=["sides", "launch"]):
        with gr.Column(scale=7, min_width=320, elem_classes="form-side"):
            new_pane(value=h("p", _WHAT))
            fields = _fields(page)
        with gr.Column(scale=5, min_width=320, elem_classes="aside"):
            with gr.Column(elem_classes="launch-panel"):
                with gr.Column(elem_classes="go-bar"):
                    go = gr.Button(
                        "Start the whole pipeline",
                        variant="primary",
                        size="md",
                        elem_id="pipeline-start",
                        interactive=False,
                    )
                    state, said = new_pane("pipeline-status"), new_pane("pipeline-said")
                plan = scripted_pane("pipeline-plan", "haloOpened(element, props, watch, trigger)")
            newest_run_panel(page, "pipeline", ["data-prepare", *_STAGES])
    page.later(partial(_wire, page, fields, (go, state, said, plan)))


def _fields(page: Page) -> list[Any]:
    settings = [(f"{p.label}{FACTS}{p.about}", key) for key, p in presets.PRESETS.items()]
    with gr.Row(elem_classes=["fields", "preset"]):
        preset = gr.Dropdown(
            [*settings, ("As typed into the SFT, RAFT and Benchmark tabs", TYPED)],
            value=presets.of_machine(),
            label="Preset",
            info="The settings of all stages.",
            elem_id="pipeline-preset",
        )
    with gr.Row(elem_classes=["fields", "what"]):
        dataset = gr.Dropdown(
            [(dataset_text(name), name) for name in pipeline.datasets()],
            value="starter-easy",
            label="Dataset",
            info="Problems with tests and solutions, and a split of them that is never trained on.",
            elem_id="pipeline-dataset",
        )
        model = gr.Dropdown(
            described.named("model", page.root),
            value=EMBEDDED if presets.of_machine() == presets.CPU else None,
            label="Model",
            info="Where it starts: the embedded model, a folder, or a Hub id (org/name@revision).",
            allow_custom_value=True,
            elem_id="pipeline-model",
        )
    with gr.Row(elem_classes="fields"):
        language = gr.Textbox(
            label="Language",
            value="python",
            placeholder="all",
            info="Only problems in it.",
            elem_id="pipeline-language",
        )
        folder = gr.Textbox(
            label="Folder",
            placeholder="named by itself",
            info="Everything that the pipeline makes is in it.",
            elem_id="pipeline-folder",
        )
    release = _release()
    page.fill(
        "pipeline",
        [model],
        lambda _store, _view: [gr.update(choices=described.named("model", page.root))],
    )
    return [preset, dataset, model, language, folder, release]


def _release() -> gr.Checkbox:
    return gr.Checkbox(
        False,
        label="Release it at the end",
        info="Merged weights and a model card out of the records, in a folder for others.",
        elem_id="pipeline-release",
    )


def _wire(page: Page, fields: list[Any], panel: tuple[Any, Any, Any, Any]) -> None:
    """Connected when all forms are there, as their fields may be those of the pipeline."""
    go, state, said, plan = panel
    inputs = [*fields, *(c for stage in _STAGES for c in page.forms[stage].components)]
    changed, now = partial(_changed, page), [state, plan, go]

    async def foreseen(*typed: Any) -> list[Any]:
        return await page.planner.apart(lambda: _foreseen(page, typed))

    gr.on([f.change for f in fields], changed, inputs, now, trigger_mode="always_last", queue=False, **QUIET)
    plan.select(changed, inputs, now, queue=False, **QUIET)
    plan.submit(foreseen, inputs, now, trigger_mode="multiple", **QUIET)
    page.started(go.click(lambda *typed: start(page, typed), inputs, said, **QUIET))


def dataset_text(name: str) -> str:
    """A dataset with what is known about it."""
    source = SOURCES[name]
    about, where = ("", "works without network") if source.is_bundled else ("about ", "from the Hub")
    return f"{name}{FACTS}{about}{number(source.rows)} rows, {source.license}, {where}"


def _changed(page: Page, *typed: Any) -> list[Any]:
    try:
        chain = chain_of(page, typed)
    except ForgeError as error:
        return [h("p", "Start is off. ", str(error), cls="bad"), "", gr.update(interactive=False)]
    ready = (
        h("p", "Start is off. This demo is read-only.")
        if page.read_only
        else h("p", f"Ready: {len(chain)} runs", cls="good")
    )
    return [ready, steps(chain, None), gr.update(interactive=not page.read_only)]


def _foreseen(page: Page, typed: Sequence[Any]) -> list[Any]:
    """The same with the time of each run, or why one of them could not go."""
    try:
        chain = chain_of(page, typed)
    except ForgeError:
        return [gr.skip()] * 3
    with page.store() as store:
        is_free = store.count_runs(status="running") == 0 and not page.read_only
    plan = page.planner.times(chain, measures=is_free)
    if plan.error:
        return [h("p", "Start is off. ", plan.error, cls="bad"), steps(chain, ()), gr.update(interactive=False)]
    return [gr.skip(), steps(chain, plan.lines), gr.skip()]


def start(page: Page, typed: Sequence[Any]) -> Html:
    """Queue all stages; each run waits for the one before. Nothing is queued unless all can be."""
    if page.read_only:
        return note("This demo is read-only: install halo-forge to run and change things.", "error")
    try:
        chain = chain_of(page, typed)
        with page.store() as store:
            runs = jobs.submit_chain(store, chain, name=Path(str(chain[0].output_path)).parent.name)
    except ForgeError as error:
        return note(str(error), "error")
    links = join([link(STAGES[run.stage], open_run(run.id)) for run in runs], between=", ")
    return note(join([f"Queued {len(runs)} runs, each after the one before: ", links, "."]), "good")


def steps(chain: Sequence[StageConfig], times: Sequence[str] | None) -> Html:
    """The runs in their order, with what each writes and how long it takes, and all of it as commands.

    `times` is None while they are worked out.
    """
    told = times or [""] * len(chain)
    rows = [
        h(
            "li",
            h("b", STAGES[config.stage]),
            h("span", _PURPOSES[place]),
            h("span", told[place] if told[place] != UNTOLD else "", cls="muted num"),
            h("code", str(config.output_path)),
        )
        for place, config in enumerate(chain)
    ]
    commands = "\n".join(shlex.join(command(config)) for config in chain)
    copy = h("button", "Copy commands", cls="act", type="button", data_copy=commands)
    as_commands = h(
        "details", h("summary", "As commands"), h("pre", commands, cls="wrap", tabindex=0), id="pipeline-commands"
    )
    parts = [h("ol", rows, cls="chain"), as_commands, h("div", copy, cls="row")]
    return h("div", parts, cls="stack tight", data_told="no" if times is None else "yes")


_PURPOSES = (
    "problems to train on",
    "other problems to measure with",
    "the model as it is",
    "learns from solutions",
    "learns from its own passing programs",
    "the trained model, on the same problems",
    "weights and a model card for others",
)


def chain_of(page: Page, typed: Sequence[Any]) -> list[StageConfig]:
    """The pipeline that the fields describe, and after them those of the stages' forms. Raises ConfigError."""
    asked = Asked(*(clean_text(value) for value in typed[:5]))
    if not asked.model:
        raise ConfigError("Still to fill in: Model.")
    with page.store() as store:
        folder = asked.folder or free_folder(store)
        by_stage = settings_of(page, store, asked.preset, typed[6:])
    what = asked.dataset, asked.language, asked.model, folder
    return pipeline.of_choices(*what, by_stage, is_released=True in typed[5:6]).configs()


def free_folder(store: Store) -> str:
    """A folder that is not there, and in which no run that waits or works will write."""
    taken = {parent for path in names.of_waiting_runs(store) for parent in path.parents}
    return names.free("models/pipeline", "", taken)


def settings_of(page: Page, store: Store, preset: str, typed: Sequence[Any]) -> Mapping[str, pipeline.Flat]:
    """The settings of each stage: those of a preset, or those typed into the forms of the tabs."""
    if preset != TYPED:
        return {stage: presets.values_of(stage, preset, store) for stage in _STAGES}
    by_stage, rest = {}, list(typed)
    for stage in _STAGES:
        form = page.forms[stage]
        size = len(form.components)
        by_stage[stage], rest = form.flat(rest[:size]), rest[size:]
    return by_stage
