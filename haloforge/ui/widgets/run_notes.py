"""The name, tags and notes of a run, to be changed in place; and the question before a run is deleted."""

import json
from collections.abc import Callable

from haloforge.config import output_of
from haloforge.errors import RunError
from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui.formatting import count, title
from haloforge.ui.markup import Html, button, h, link
from haloforge.ui.view import View, query

MAX_NAME, MAX_NOTES = 200, 20_000


def render(run: Run) -> Html:
    """A folded form; what is typed stays while the page around it is drawn anew."""
    fields = [
        h("label", "Name", h("input", name="name", value=run.name, maxlength=MAX_NAME, placeholder=run.id)),
        h(
            "label",
            "Tags",
            h("input", name="tags", value=run.tags, maxlength=MAX_NAME, placeholder="words with spaces between"),
        ),
        h("label", "Notes", h("textarea", run.notes, name="notes", rows=3, maxlength=MAX_NOTES)),
        h("button", "Save", type="submit", cls="act"),
    ]
    form = h("form", fields, data_form="describe", data_value=run.id, id=f"describe-{run.id}", cls="describe")
    notes = run.notes and h("p", run.notes, cls="notes")
    return h("div", notes, h("details", h("summary", "Name, tags, notes"), form, id="describe"))


def describe(store: Store, sent: str) -> str:
    """Store what the form sent: JSON with the run, and what was changed. Returns the id; RunError for a run gone."""
    typed = json.loads(sent)
    run = store.find_run(str(typed["value"]))
    if run is None:
        raise RunError("this run is not there any more")
    changed = {name: clean(str(typed[name])) for name, clean in _CLEAN.items() if name in typed}
    if changed:
        store.update_run(run.id, **changed)
    return run.id


_CLEAN: dict[str, Callable[[str], str]] = {
    "name": lambda text: " ".join(text.split())[:MAX_NAME],
    "tags": lambda text: " ".join(dict.fromkeys(text.replace(",", " ").lower().split()))[:MAX_NAME],
    "notes": lambda text: text.strip()[:MAX_NOTES],
}


def ask_delete(store: Store, run: Run, view: View) -> Html:
    """What would be lost and what stays, with the button that deletes and the one that does not."""
    samples = store.count_list(run.id) or 0
    what = f" with its log and {count(samples, 'sample')}" if samples else " with its log"
    output = output_of(run)
    stays = [" What it wrote stays: ", h("code", str(output)), "."] if output and output.exists() else []
    waiting = sum(child.status == "queued" for child in store.children(run.id)) if run.status != "done" else 0
    stopped = f" {count(waiting, 'run')} waiting for it will be stopped." if waiting else ""
    return h(
        "div",
        h("p", h("b", f"Delete {title(run)}{what}?"), " This cannot be undone.", stays, stopped),
        h(
            "div",
            button("Delete for good", "delete", run.id, cls="act danger"),
            link("Keep it", query(view, ask=None), cls="act"),
            cls="row",
        ),
        cls="note error stack tight",
        role="alertdialog",
        aria_label="Delete this run?",
    )
