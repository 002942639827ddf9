"""Start runs and steer them: settings of a stage, dry run, start, stop, resume, delete."""

import shlex
from collections.abc import Mapping
from typing import Any, Literal

from haloforge import jobs, stages
from haloforge.config import STAGES, StageConfig
from haloforge.errors import ConfigError, RunError
from haloforge.nesting import merged, nested
from haloforge.settings import command, settings
from haloforge.store import Store
from haloforge.ui.api.runs import run_line
from haloforge.ui.api.shapes import Plan, RunLine, SettingLine
from haloforge.yaml_text import load_config

StageName = Literal["data-prepare", "data-generate", "sft", "raft", "benchmark", "release"]


def list_settings(store: Store, stage: StageName) -> list[SettingLine]:
    """Every setting of a stage: name, type, default, bounds and what it does.

    Args:
        stage: data-prepare, data-generate, sft, raft, benchmark or release.
    """
    return [
        {
            "name": s.path,
            "flag": s.flag,
            "type": s.type.__name__,
            "help": s.help,
            "default": s.default,
            "required": s.required,
            "choices": list(s.choices),
            "minimum": s.minimum,
            "maximum": s.maximum,
        }
        for s in settings(_class(stage))
    ]


def plan_run(store: Store, stage: StageName, settings: dict[str, Any] | None = None, config_yaml: str = "") -> Plan:
    """A dry run: check the settings and the inputs, say what would happen, how long it takes and whether it fits.

    Args:
        stage: data-prepare, data-generate, sft, raft, benchmark or release.
        settings: values by dotted name, for example {"raft.num_cycles": 2}; what is absent has its default.
        config_yaml: the text of a YAML config; `settings` beats what it says.
    """
    config = _config(stage, settings, config_yaml)
    return {"lines": stages.plan(config), "command": shlex.join(command(config)), "yaml": config.to_yaml()}


def start_run(
    store: Store,
    stage: StageName,
    settings: dict[str, Any] | None = None,
    config_yaml: str = "",
    name: str = "",
    after_run: str = "",
) -> RunLine:
    """Queue a run; the studio starts it when nothing else runs. What a dry run refuses is refused here too.

    Args:
        stage: data-prepare, data-generate, sft, raft, benchmark or release.
        settings: values by dotted name, for example {"raft.num_cycles": 2}; what is absent has its default.
        config_yaml: the text of a YAML config; `settings` beats what it says.
        name: a name to show instead of the id.
        after_run: the id of a run that must be done before; its outputs need not be there yet.
    """
    config = _config(stage, settings, config_yaml)
    if not after_run:
        stages.plan(config, measures=False)
    parent = store.run(after_run).id if after_run else None
    return run_line(store, jobs.submit(store, config, parent=parent, name=name))


def stop_run(store: Store, run_id: str, how: Literal["cycle", "now", "kill"] = "now") -> RunLine:
    """Ask a run to stop; it can be resumed afterwards. A queued run leaves the queue at once.

    Args:
        run_id: the id of the run.
        how: cycle (after this cycle), now (everything saved) or kill (at once, losing at most one batch).
    """
    jobs.reconcile(store)
    return run_line(store, jobs.request_stop(store, run_id, how))


def resume_run(store: Store, run_id: str) -> RunLine:
    """Queue a stopped, failed or interrupted run again; it goes on where it was.

    Args:
        run_id: the id of the run.
    """
    jobs.reconcile(store)
    return run_line(store, jobs.resume(store, run_id))


def delete_run(store: Store, run_id: str) -> str:
    """Delete a run's records, samples and log for ever. What it wrote elsewhere, such as a model, stays.

    Args:
        run_id: the whole id of the run.
    """
    jobs.reconcile(store)
    if store.find_run(run_id) is None:
        raise RunError(f"there is no run {run_id!r}; deleting takes the whole id")
    jobs.delete(store, run_id)
    return f"{run_id} is forgotten; what it wrote elsewhere stays"


def _class(stage: str) -> type[StageConfig]:
    if stage not in STAGES:
        raise ConfigError(f"there is no stage {stage!r}; use one of {', '.join(STAGES)}")
    return STAGES[stage]


def _config(stage: str, settings: Mapping[str, Any] | None, config_yaml: str) -> StageConfig:
    """YAML first, then the settings over it. Raises ConfigError."""
    cls = _class(stage)
    written = load_config(config_yaml, "config_yaml") or {}
    if not isinstance(written, dict):
        raise ConfigError(f"config_yaml should be a mapping of keys to values, it is a {type(written).__name__}")
    return cls.parse(merged(cls.written_out(written), cls.written_out(nested(settings or {}))))
