"""What the events of one stage's form answer. All that is typed comes with each event; nothing of it is kept here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge import jobs
from haloforge.errors import ConfigError, ForgeError
from haloforge.files import read_text
from haloforge.store import Store
from haloforge.ui.fields import clean, in_labels
from haloforge.ui.form import Checked, Form
from haloforge.ui.formatting import count, title
from haloforge.ui.launch import names, overlay, panel, presets
from haloforge.ui.launch.next_steps import prefill
from haloforge.ui.launch.planner import Plan, Planner
from haloforge.ui.markup import Html, join, link, note
from haloforge.ui.view import View, open_run

_BUSY = "time not told: a run is at work, and a measurement beside it would be wrong"


@dataclass(frozen=True)
class Launch:
    """The form of a stage, and who plans for it. `typed` is what its fields hold, in the order of the form."""

    root: Path | None
    form: Form
    planner: Planner
    read_only: bool = False

    @property
    def stage(self) -> str:
        """The stage that the form starts."""
        return self.form.cls.stage

    def changed(self, preset: str, *typed: Any) -> list[Any]:
        """After a change: the line beside Start, the command and YAML, and whether Start is on. Takes milliseconds."""
        return self._now(preset, typed, {})

    async def foreseen(self, message: gr.EventData, preset: str, *typed: Any) -> list[Any]:
        """What a run would do, once the planner said it: the line beside Start, the plan, and whether Start is on."""
        asked: Mapping[str, Any] = message._data
        return await self.planner.apart(lambda: self._foreseen(typed, bool(asked.get("measures"))))

    def told(self, message: gr.EventData, preset: str, *typed: Any) -> list[Any]:
        """What the script of the page says: the form was opened, perhaps with a draft; or YAML was dropped on it."""
        asked: Mapping[str, Any] = message._data
        if "yaml" in asked:
            said, *fields = self.laid(str(asked["yaml"]), str(asked.get("name") or "what was dropped"))
            return [said, *([gr.skip()] * 4), *fields]
        self.planner.warm()
        draft = asked.get("draft")
        if not isinstance(draft, dict) or not isinstance(draft.get("values"), dict):
            return [gr.skip(), *self._now(preset, typed, {"open": True}), gr.skip(), *([gr.skip()] * len(typed))]
        preset, flat, offered = self._of_draft(draft)
        fields = self.form.show(flat)
        shown = [update["value"] for update in fields]
        return [gr.skip(), *self._now(preset, shown, {"open": True}), gr.update(choices=offered, value=preset), *fields]

    def preset_chosen(self, preset: str, *typed: Any) -> list[Any]:
        """Fields under another preset; the model, the data and the output that were chosen stay."""
        with Store(self.root) as store:
            if presets.known(preset, self.stage, store) != preset:
                return [gr.skip()] * len(typed)
            base = presets.values_of(self.stage, preset, store)
        held = zip(self.form.settings, typed, strict=True)
        stays = {s.path for s, v in held if presets.is_what(self.stage, s.path) and clean(s, v) not in (None, "")}
        return self.form.lay({path: value for path, value in base.items() if path not in stays})

    def laid(self, text: str, where: str = "this YAML") -> list[Any]:
        """YAML over the form: a sentence, and the fields that it names."""
        try:
            flat = overlay.read(self.form.cls, text or "", where)
        except ConfigError as error:
            return [note(in_labels(str(error), self.form.settings), "error"), *([gr.skip()] * len(self.form.settings))]
        return [note(f"Laid over the form: {count(len(flat), 'setting')}.", "good"), *self.form.lay(flat)]

    def opened_file(self, path: str) -> list[Any]:
        """The same for an uploaded file."""
        name = Path(path).name
        try:
            return self.laid(read_text(path), name)
        except ForgeError:
            said = note(f"{name} cannot be read as a YAML file.", "error")
            return [said, *([gr.skip()] * len(self.form.settings))]

    def opened(self, store: Store, view: View) -> list[Any]:
        """When the tab opens: a sentence, the presets and choices of now, and what follows from the address's run."""
        offered = gr.update(choices=presets.choices(store, self.stage))
        run = store.find_run(view.get("from", ""))
        if run is None:
            asked = view.get("from")
            gone = note(f"The run {asked} is not there any more, so nothing was filled in.", "error")
            return [gone if asked else gr.skip(), offered, *self.form.refresh()]
        name = link(title(run), open_run(run.id))
        if run.stage != self.stage:
            flat = prefill(store, run, self.stage)
            if not flat:
                return [gr.skip(), offered, *self.form.refresh()]
            return [note(join(["Filled in from ", name, "."]), "good"), offered, *self.form.lay(flat)]
        flat = presets.of_config(self.form.cls, run.config)
        if not flat:
            said = note(join([name, " cannot be cloned: another version wrote its settings."]), "error")
            return [said, offered, *self.form.refresh()]
        offered = gr.update(choices=presets.choices(store, self.stage, run), value=presets.key_of(run))
        return [note(join(["The settings of ", name, "."]), "good"), offered, *self.form.show(flat)]

    def start(self, typed: Sequence[Any]) -> Html:
        """Queue a run with what was typed; returns the sentence to show beside Start."""
        if self.read_only:
            return note("This demo is read-only: install halo-forge to run and change things.", "error")
        try:
            with Store(self.root) as store:
                config = self.form.parse(typed, names.of_waiting_runs(store))
                plan = self.planner.plan(config, measures=False)  # what it refuses is refused before a run exists
                if plan.error:
                    raise ConfigError(plan.error)
                run = jobs.submit(store, config)
        except ForgeError as error:
            return note(in_labels(str(error), self.form.settings), "error")
        return note(join(["Queued as ", link(title(run), open_run(run.id)), "."]), "good")

    def _now(self, preset: str, typed: Sequence[Any], more: Mapping[str, Any]) -> list[Any]:
        with Store(self.root) as store:
            base = presets.values_of(self.stage, preset or "", store)
            checked = self.form.check(typed, names.of_waiting_runs(store))
        plan = self._kept(checked)
        facts = panel.facts_of(self.form, checked, typed, base, preset or "") | dict(more)
        if plan and not facts["wrong"]:
            facts["wrong"] = panel.wrong_of(self.form, plan, typed)
        return [
            panel.status(self.form, checked, plan, read_only=self.read_only),
            panel.preview(self.form, checked, facts | {"asks": checked.config is not None}),
            gr.update(interactive=panel.is_ready(checked, plan) and not self.read_only),
        ]

    def _kept(self, checked: Checked) -> Plan | None:
        if checked.config is None:
            return None
        return self.planner.kept(checked.config, measures=True) or self.planner.kept(checked.config, measures=False)

    def _foreseen(self, typed: Sequence[Any], measures: bool) -> list[Any]:
        with Store(self.root) as store:
            checked = self.form.check(typed, names.of_waiting_runs(store))
            is_busy = store.count_runs(status="running") > 0
        if checked.config is None:
            return [gr.skip(), "", gr.skip()]
        plan = self.planner.plan(checked.config, measures=measures and not is_busy and not self.read_only)
        if measures and (is_busy or self.read_only) and not plan.error:
            kept = [line for line in plan.lines if not line.startswith("time")]
            plan = plan._replace(lines=(*kept, _BUSY))
        return [
            panel.status(self.form, checked, plan, read_only=self.read_only),
            panel.told(self.form, plan, typed),
            gr.update(interactive=panel.is_ready(checked, plan) and not self.read_only),
        ]

    def _of_draft(self, draft: Mapping[str, Any]) -> tuple[str, dict[str, Any], list[tuple[str, str]]]:
        """The preset, the values of the fields, and the presets to choose from, its run among them."""
        with Store(self.root) as store:
            preset = presets.known(str(draft.get("preset") or ""), self.stage, store)
            flat = presets.values_of(self.stage, preset, store)
            offered = presets.choices(store, self.stage, presets.run_of(preset, store))
        known = {s.path for s in self.form.settings}
        typed = {path: value for path, value in draft["values"].items() if path in known}
        return preset, flat | typed, offered
