"""Look at runs: the list, one in full, its events as they come, its log, its samples."""

import shlex
from typing import Any, Literal

from haloforge import jobs
from haloforge.config import STAGES, output_of
from haloforge.errors import ConfigError, ForgeError
from haloforge.records import STATUSES, EventKind, Purpose, Run, RunStatus
from haloforge.settings import command
from haloforge.store import Store, StoredSample
from haloforge.ui import metrics, progress
from haloforge.ui.api.shapes import EventLine, PhaseLine, RunDetail, RunLine, SampleLine, SamplePage

PAGE_ROWS = 50
_MOST_ROWS = 1000


def list_runs(
    store: Store,
    stage: Literal["", "data-prepare", "data-generate", "sft", "raft", "benchmark", "release"] = "",
    status: Literal["", "queued", "running", "done", "failed", "stopped", "interrupted"] = "",
    search: str = "",
    limit: int = 50,
) -> list[RunLine]:
    """The runs, newest first.

    Args:
        stage: only runs of this stage; empty for all.
        status: only runs in this status; empty for all.
        search: only runs whose name or id holds this text.
        limit: at most so many runs, 1 to 1000.
    """
    jobs.reconcile(store)
    wanted: RunStatus | None = status or None
    found = (r for r in store.runs(stage=stage or None, status=wanted) if search.lower() in f"{r.name} {r.id}".lower())
    return [run_line(store, run) for run, _ in zip(found, range(_rows(limit)), strict=False)]


def show_run(store: Store, run_id: str) -> RunDetail:
    """One run in full: settings, status, how far it is, the held-out score of every cycle, and what it has written.

    Args:
        run_id: the id of the run, or the beginning of it.
    """
    jobs.reconcile(store)
    run = store.run(run_id)
    error = store.last_event(run.id, "error")
    words, yaml = _as_typed(run)
    return {
        "run": run_line(store, run),
        "config": dict(run.config),
        "command": words,
        "yaml": yaml,
        "error": str(error.data["message"]) if error and run.status in ("failed", "interrupted") else "",
        "stopping": run.stop if run.status == "running" else "",
        "phases": [_phase_line(phase) for phase in progress.phases(store, run)],
        "cycles": [{"cycle": int(e.data["step"]), **e.data["values"]} for e in _cycles(store, run)],
        "artifacts": {e.data["name"]: str(e.data["path"]) for e in store.events(run.id, kind="artifact")},
        "after": max((e.id for kind in _KINDS if (e := store.last_event(run.id, kind))), default=0),
    }


_KINDS: tuple[EventKind, ...] = ("progress", "metric", "log", "artifact", "error")


def list_events(store: Store, run_id: str, after: int = 0, limit: int = 500) -> list[EventLine]:
    """What a run reported: progress, metrics, log lines, artifacts, errors. Ask again with the last id to follow it.

    Args:
        run_id: the id of the run, or the beginning of it.
        after: only events with a greater id; 0 for all from the start.
        limit: at most so many events, 1 to 1000.
    """
    events = store.events(store.run(run_id).id, max(0, after), limit=_rows(limit))
    return [{"id": e.id, "time": e.time, "kind": e.kind, "data": dict(e.data)} for e in events]


def read_log(store: Store, run_id: str) -> str:
    """The end of what the worker process of a run and its libraries printed, at most 64 KB.

    Args:
        run_id: the id of the run, or the beginning of it.
    """
    return jobs.log_tail(store, store.run(run_id).id)


def list_samples(
    store: Store,
    run_id: str,
    cycle: int | None = None,
    purpose: Literal["", "train", "eval", "benchmark", "data"] = "",
    status: str = "",
    kept: bool | None = None,
    task_id: str = "",
    page: int = 0,
) -> SamplePage:
    """The completions of a run with their verdicts, 50 a page.

    Args:
        run_id: the id of the run, or the beginning of it.
        cycle: only this cycle of a RAFT run; 0 is the model it started from.
        purpose: train, eval (held out), benchmark or data; empty for all.
        status: only this verdict, for example passed or wrong_answer; empty for all.
        kept: true for those that were trained on, false for those that were not.
        task_id: only samples of this problem; empty for all.
        page: which page, from 0.
    """
    if status and status not in STATUSES:
        raise ConfigError(f"there is no verdict {status!r}; use one of {', '.join(STATUSES)}")
    run = store.run(run_id)
    wanted: Purpose | None = purpose or None
    which: dict[str, Any] = {
        "cycle": cycle,
        "purpose": wanted,
        "status": status or None,
        "kept": kept,
        "task_id": task_id or None,
    }
    rows = store.samples(run.id, offset=max(0, page) * PAGE_ROWS, limit=PAGE_ROWS, **which)
    return {
        "total": store.count_samples(run.id, **which),
        "page": max(0, page),
        "page_rows": PAGE_ROWS,
        "samples": [_sample_line(row) for row in rows],
    }


def run_line(store: Store, run: Run) -> RunLine:
    """A run as lists show it."""
    output, line = output_of(run), store.run_line(run.id)
    return {
        "id": run.id,
        "name": run.name,
        "stage": run.stage,
        "status": run.status,
        "created": run.created,
        "started": run.started,
        "finished": run.finished,
        "parent": run.parent,
        "output": str(output) if output else None,
        "figure": metrics.figure(run.stage, line.figures).text if line else "",
    }


def _as_typed(run: Run) -> tuple[str, str]:
    """The run as a command and as YAML; empty for one of an older version whose settings are not known any more."""
    try:
        config = STAGES[run.stage].parse(run.config)
    except (KeyError, ForgeError):
        return "", ""
    return shlex.join(command(config)), config.to_yaml()


def _cycles(store: Store, run: Run) -> list[Any]:
    return store.metrics(run.id, "cycle")


def _phase_line(phase: progress.Phase) -> PhaseLine:
    return {
        "name": phase.name,
        "cycle": phase.cycle,
        "done": phase.done,
        "total": phase.total,
        "left_s": phase.left_s,
    }


def _sample_line(row: StoredSample) -> SampleLine:
    sample = row.sample
    return {
        "id": row.id,
        "task_id": sample.task_id,
        "index": sample.index,
        "cycle": row.cycle,
        "purpose": row.purpose,
        "text": sample.text,
        "code": sample.code,
        "finish_reason": sample.finish_reason,
        "verdict": row.verdict.to_json() if row.verdict else None,
        "kept": row.kept,
        "reason": row.reason,
    }


def _rows(limit: int) -> int:
    return max(1, min(limit, _MOST_ROWS))
