"""One run: its name, status and buttons, and one section of it (overview, samples, log, config)."""

from collections.abc import Callable

import yaml

from haloforge import jobs
from haloforge.config import STAGES as CONFIGS
from haloforge.errors import ConfigError
from haloforge.records import Run
from haloforge.settings import command
from haloforge.store import Store
from haloforge.ui import space
from haloforge.ui.formatting import number, title
from haloforge.ui.markup import Html, button, command_line, facts, h, join, link, note
from haloforge.ui.palette import STAGES
from haloforge.ui.view import LIST_NAMES, View, open_run, query
from haloforge.ui.widgets import chips, run_live, run_notes, run_overview, run_strip, samples
from haloforge.ui.widgets.code import plain
from haloforge.ui.widgets.run_list import chosen_run, took

LOG_BYTES = 65536
"""How much of the end of the worker's log is shown."""
_LOG_LINES = 400
"""How many of the newest lines that the run reported are shown."""


def render(store: Store, view: View) -> Html:
    """The chosen run; nothing while there are no runs at all."""
    run = chosen_run(store, view)
    if run is None:
        return (
            note(f"There is no run {view['run']!r} any more; choose one from the list.")
            if store.count_runs()
            else Html("")
        )
    view = {**view, "run": run.id}
    asks = view.get("ask") == "delete" and run.is_finished and not space.is_space()
    parts = [
        head(store, run, view=view),
        asks and run_notes.ask_delete(store, run, view),
        run_notes.render(run),
        _sections(store, run, view),
        _body(store, run, view),
    ]
    return h("section", parts, cls="stack", aria_label="Run")


def head(store: Store, run: Run, *, compact: bool = False, view: View | None = None) -> Html:
    """Name, status, actions and progress of a run; `compact` where it stands beside a form."""
    name = link(title(run), open_run(run.id)) if compact else title(run)
    parts = [
        h("h2", name),
        chips.run_status(run),
        h("span", STAGES.get(run.stage, run.stage), cls="muted"),
        h("span", took(run), cls="muted"),
        run.parent and h("span", "after ", link(_title_of(store, run.parent), open_run(run.parent, view)), cls="muted"),
        [h("span", tag, cls="chip plain") for tag in run.tags.split()],
    ]
    error = store.last_event(run.id, "error") if run.status in ("failed", "interrupted") else None
    return h(
        "div",
        h("div", h("div", parts, cls="head"), h("div", actions(run), cls="row"), cls="row spread"),
        note(error.data["message"], "error") if error else None,
        stopping(run),
        run_strip.render(store, run),
        run_live.machine_line(run) if run.status == "running" and not compact else None,
        cls="stack",
    )


def actions(run: Run) -> Html:
    """The buttons that fit the run's status, and no others."""
    buttons = []
    if run.status == "running":
        if run.stage == "raft":
            buttons.append(_stop(run, "cycle", "Stop after this cycle"))
        buttons.append(_stop(run, "now", "Stop now and save"))
        buttons.append(_stop(run, "kill", "Kill", confirm=f"Kill {title(run)}? What it was just doing is lost."))
    if run.status == "queued":
        buttons.append(button("Move up", "up", run.id))
        buttons.append(button("Take out of the queue", "stop", f"now {run.id}"))
    if run.is_resumable:
        buttons.append(button("Resume", "resume", run.id, cls="act primary"))
    if run.stage in CONFIGS:
        buttons.append(link("Clone", query({"tab": _tab(run.stage), "from": run.id}), cls="act"))
    if run.stage in CONFIGS and run.is_finished:
        buttons.append(button("Run again", "again", run.id, title="the same settings, a new output"))
    if run.is_finished:
        buttons.append(link("Delete", query({"tab": "runs", "run": run.id}, ask="delete"), cls="act danger"))
    return join(buttons)


def stopping(run: Run) -> Html | None:
    """Which stop was asked for, and what it waits for; None where none was."""
    if run.status != "running" or run.stop not in _STOPPING:
        return None
    return note(_STOPPING[run.stop], "accent")


_STOPPING = {
    "cycle": "Stopping after this cycle, which is first sampled, trained and evaluated to its end.",
    "now": "Stopping now: the samples or steps in work are finished and saved. It can be resumed later.",
    "kill": "Being killed: all that was saved stays, and it can be resumed.",
}


def log(store: Store, run: Run, view: View) -> Html:
    """The lines that the run reported, and the end of what its process printed."""
    reported = [e.data["text"] for e in store.events(run.id, kind="log")][-_LOG_LINES:]
    printed = jobs.log_tail(store, run.id, LOG_BYTES)
    if not reported and not printed:
        return h("p", "Nothing was logged yet.", cls="muted")
    return join(
        [
            reported and h("div", h("h3", "Reported"), _log("\n".join(reported), "Reported")),
            printed and h("div", h("h3", "Printed by the worker (last 64 KB)"), _log(printed, "Printed")),
        ]
    )


def config(store: Store, run: Run, view: View) -> Html:
    """The configuration as YAML and as a command."""
    as_command: Html | None
    try:
        parsed = CONFIGS[run.stage].parse(run.config)
        as_command, text = command_line(command(parsed)), parsed.to_yaml()
    except (KeyError, ConfigError):  # written by another version: shown as it was stored
        as_command, text = None, yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)
    about = [
        ("Run", h("code", run.id)),
        ("Folder", h("code", str(store.root / run.id))),
        ("Started in", h("code", run.cwd)),
    ]
    return join([as_command, plain(text, label="Configuration"), facts(about)])


_SECTIONS: dict[str, Callable[[Store, Run, View], Html]] = {
    "overview": run_overview.render,
    "samples": samples.render,
    "log": log,
    "config": config,
}


def _sections(store: Store, run: Run, view: View) -> Html:
    chosen = _section(view)
    links = []
    for name in _SECTIONS:
        text = name.capitalize()
        if name == "samples":
            n = store.count_list(run.id)
            if not n:
                continue
            text = f"Samples {number(n)}"
        listed = {key: value for key, value in view.items() if key in LIST_NAMES}
        target = query({**listed, "tab": "runs", "run": run.id, "section": "" if name == "overview" else name})
        links.append(link(text, target, aria_current="page" if name == chosen else None))
    return h("nav", links, cls="sections", aria_label="Sections of the run")


def _body(store: Store, run: Run, view: View) -> Html:
    return h("div", _SECTIONS[_section(view)](store, run, view), cls="stack")


def _section(view: View) -> str:
    name = view.get("section", "overview")
    return name if name in _SECTIONS else "overview"


def _stop(run: Run, rung: str, text: str, confirm: str = "") -> Html:
    """A button for one way to stop, disabled when that or a harder way was asked for already."""
    here, asked = jobs.RUNGS.index(rung), jobs.RUNGS.index(run.stop) if run.stop in jobs.RUNGS else -1
    cls = "act on" if here == asked else "act"
    return button(text, "stop", f"{rung} {run.id}", confirm=confirm, disabled=here <= asked, cls=cls)


def _log(text: str, label: str) -> Html:
    return h("pre", text, cls="log", tabindex=0, role="log", aria_label=label, data_keep=label, data_end=True)


def _title_of(store: Store, run_id: str) -> str:
    run = store.find_run(run_id)
    return title(run) if run else run_id


def _tab(stage: str) -> str:
    return "data" if stage.startswith("data") else stage
