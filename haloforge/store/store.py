"""Runs, events, samples, verdicts in one SQLite file (WAL): with schema.py the only place that speaks SQL."""

import hashlib
import json
import os
import sqlite3
import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.errors import MachineError, RunError
from haloforge.records import (
    FINISHED,
    Event,
    EventKind,
    Problem,
    Purpose,
    Run,
    RunStatus,
    Sample,
    Verdict,
    dumps,
    is_unicode,
)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A stored sample with its row id, its verdict (None until verified) and why it was kept or not."""

    id: int
    run: str
    cycle: int
    purpose: Purpose
    sample: Sample
    verdict: Verdict | None
    kept: bool | None = None
    reason: str = ""


def home() -> Path:
    """The folder of all run records: HALOFORGE_RUNS, else runs/ in the current folder."""
    return Path(os.environ.get("HALOFORGE_RUNS", "runs"))


class Store:
    """The run records in `root`/haloforge.db. Not shared between threads: open one where it is used."""

    def __init__(self, root: Path | None = None) -> None:
        from sqlite_utils import Database  # here, because it imports pandas where that is installed

        from haloforge.store.schema import migrations

        self.root = (root or home()).absolute()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.root / "haloforge.db", timeout=30, isolation_level=None)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma foreign_keys = on")
            self.db = Database(connection)
            if migrations.pending(self.db):
                migrations.apply(self.db)
        except (OSError, sqlite3.DatabaseError) as e:  # a full disk, or a file that is no database
            raise MachineError(
                f"{self.root}: the run records cannot be opened or written ({e}); free space there, "
                "or set HALOFORGE_RUNS to another folder"
            ) from e

    def close(self) -> None:
        """Close the connection; the store cannot be used afterwards."""
        self.db.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- plumbing ------------------------------------------------------------------------------------------------

    def _rows(self, sql: str, args: Sequence[Any] = ()) -> list[dict[str, Any]]:
        try:
            with closing(self.db.conn.cursor()) as cursor:
                cursor.execute(sql, args)
                names = [d[0] for d in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.OperationalError as e:
            raise MachineError(f"{self.root}/haloforge.db: could not be read ({e})") from e

    def _write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        """Run the statements in one transaction; returns the number of rows changed by the last one."""
        changed = 0
        try:
            self.db.conn.execute("begin immediate")
            try:
                for sql, args in statements:
                    changed = self.db.conn.execute(sql, args).rowcount
            except BaseException:
                self.db.conn.execute("rollback")
                raise
            self.db.conn.execute("commit")
        except sqlite3.OperationalError as e:
            raise MachineError(
                f"{self.root}/haloforge.db: could not be written ({e}); free space there and resume"
            ) from e
        return changed

    def data_version(self) -> tuple[int, int]:
        """A value that changes when anything in the database did: this connection's writes, and everybody else's."""
        version = self._rows("pragma data_version")[0]["data_version"]
        return int(version), self.db.conn.total_changes

    # -- runs ----------------------------------------------------------------------------------------------------

    def folder(self, run_id: str) -> Path:
        """The run's own folder (log, config.yaml), made when asked for."""
        path = self.root / run_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lock_path(self, run_id: str) -> Path:
        """The file that whoever works on a run holds locked for as long as it lives."""
        return self.folder(run_id) / "lock"

    def output_lock_path(self, place: Path) -> Path:
        """The file that a run holds locked while it writes to that place."""
        folder = self.root / "outputs"
        folder.mkdir(exist_ok=True)
        return folder / hashlib.sha256(bytes(place)).hexdigest()[:16]

    def create_run(self, stage: str, config: Mapping[str, Any], *, parent: str | None = None, name: str = "") -> Run:
        """A new queued run. Its id names stage and time and is unique."""
        run_id = f"{stage}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
        sql = """insert into runs (id, stage, name, status, config, created, parent, cwd)
                 values (?, ?, ?, 'queued', ?, ?, ?, ?)"""
        self._write([(sql, (run_id, stage, name, json.dumps(config), time.time(), parent, os.getcwd()))])
        return self.run(run_id)

    def run(self, run_id: str) -> Run:
        """Raises RunError when there is no such run. A unique prefix of an id is enough."""
        rows = self._rows("select * from runs where id = ?", [run_id])
        if run_id and not rows:
            rows = self._rows("select * from runs where substr(id, 1, ?) = ? limit 2", [len(run_id), run_id])
        if len(rows) != 1:
            what = "is the beginning of several ids" if rows else "is not the id of a run"
            raise RunError(f"{run_id!r} {what}; `halo-forge runs list` shows them all")
        return _run(rows[0])

    def runs(self, *, stage: str | None = None, status: RunStatus | None = None, limit: int = -1) -> list[Run]:
        """Newest first; all of them unless there is a `limit`."""
        sql = """select * from runs where (? is null or stage = ?) and (? is null or status = ?)
                 order by created desc, id limit ?"""
        return [_run(r) for r in self._rows(sql, [stage, stage, status, status, limit])]

    def update_run(self, run_id: str, **values: Any) -> None:
        """Set columns of a run."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._write([(f"update runs set {names} where id = ?", [*values.values(), run_id])])

    def claim(self, run_id: str, pid: int) -> bool:
        """Take a queued run for a worker; False when somebody else was faster."""
        sql = """update runs set status = 'running', pid = ?, started = coalesce(started, ?), finished = null
                 where id = ? and status = 'queued'"""
        return self._write([(sql, (pid, time.time(), run_id))]) == 1

    def finish(self, run_id: str, status: RunStatus, *, was: RunStatus | None = None) -> bool:
        """Record how a run ended; where `was` is given, only if that still is its status. True when recorded."""
        sql = "update runs set status = ?, finished = ? where id = ? and (? is null or status = ?)"
        return self._write([(sql, (status, time.time(), run_id, was, was))]) == 1

    def requeue(self, run_id: str) -> Run:
        """Make a stopped, failed or interrupted run start again where it was. Raises RunError otherwise."""
        run = self.run(run_id)
        if not run.is_resumable:
            raise RunError(f"run {run.id} is {run.status}; only a stopped, failed or interrupted run can be resumed")
        self.update_run(run.id, status="queued", stop="", finished=None)
        return self.run(run.id)

    def delete_run(self, run_id: str) -> None:
        """Forget a run and all that was recorded of it; its output folders stay. Raises RunError while it runs."""
        run = self.run(run_id)
        if run.status not in FINISHED | {"queued"}:
            raise RunError(f"run {run.id} is {run.status}; stop it before deleting it")
        self._write([("delete from runs where id = ?", (run.id,))])

    # -- events --------------------------------------------------------------------------------------------------

    def emit(self, run_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Append one event."""
        self._write(
            [
                (
                    "insert into events (run, time, kind, data) values (?, ?, ?, ?)",
                    (run_id, time.time(), kind, dumps(data)),
                )
            ]
        )

    def events(self, run_id: str, after: int = 0, kind: EventKind | None = None, limit: int = -1) -> list[Event]:
        """Events of a run with an id above `after`, oldest first; all of them unless there is a `limit`."""
        sql = "select * from events where run = ? and id > ? and (? is null or kind = ?) order by id limit ?"
        return [
            Event(r["id"], r["run"], r["time"], r["kind"], json.loads(r["data"]))
            for r in self._rows(sql, [run_id, after, kind, kind, limit])
        ]

    def last_event(self, run_id: str, kind: EventKind) -> Event | None:
        """The newest event of one kind."""
        rows = self._rows("select * from events where run = ? and kind = ? order by id desc limit 1", [run_id, kind])
        return Event(rows[0]["id"], run_id, rows[0]["time"], kind, json.loads(rows[0]["data"])) if rows else None

    # -- problems, samples, verdicts, selections -----------------------------------------------------------------

    def save_problems(self, run_id: str, problems: Sequence[Problem], *, held_out: bool = False) -> None:
        """Record what a run works on; saving the same problem again changes nothing."""
        sql = "insert or ignore into problems (run, task_id, position, held_out, data) values (?, ?, ?, ?, ?)"
        self._write((sql, (run_id, p.task_id, i, held_out, dumps(p.to_json()))) for i, p in enumerate(problems))

    def problems(self, run_id: str, *, held_out: bool | None = None) -> list[Problem]:
        """The problems of a run, in their order."""
        sql = "select data from problems where run = ? and (? is null or held_out = ?) order by held_out, position"
        return [Problem.from_json(json.loads(r["data"])) for r in self._rows(sql, [run_id, held_out, held_out])]

    def problem(self, run_id: str, task_id: str) -> Problem | None:
        """One problem of a run."""
        rows = self._rows("select data from problems where run = ? and task_id = ?", [run_id, task_id])
        return Problem.from_json(json.loads(rows[0]["data"])) if rows else None

    def save_samples(self, run_id: str, cycle: int, purpose: Purpose, samples: Iterable[Sample]) -> None:
        """Record samples in one transaction; a sample that is already there stays as it was."""
        sql = """insert or ignore into samples (run, cycle, purpose, task_id, idx, text, code, finish_reason, seed,
                 prompt_ids, token_ids, logprobs, seconds, prompt_tokens, completion_tokens)
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        self._write((sql, (run_id, cycle, purpose, *_sample_row(s))) for s in samples)

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]]) -> None:
        """Record verdicts by sample id; a newer verdict replaces an older one."""
        sql = "insert or replace into verdicts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._write((sql, (sample, *_verdict_row(v))) for sample, v in verdicts)

    def save_selections(self, rows: Iterable[tuple[int, bool, str]]) -> None:
        """Record (sample id, kept, reason) for every sample of a cycle; a later selection replaces an earlier one."""
        self._write(("insert or replace into selections values (?, ?, ?)", row) for row in rows)

    def samples(
        self,
        run_id: str,
        *,
        cycle: int | None = None,
        purpose: Purpose | None = None,
        task_id: str | None = None,
        status: str | None = None,
        kept: bool | None = None,
        verified: bool | None = None,
        offset: int = 0,
        limit: int = -1,
    ) -> list[StoredSample]:
        """Samples with verdict and selection, by cycle, purpose, problem and index. `status` is a verdict status."""
        where, args = _filters(run_id, cycle, purpose, task_id, status, kept, verified)
        sql = f"""select s.*, v.sample as v_sample, v.status as v_status, v.reward as v_reward,
                  v.tests_passed as v_tests_passed, v.tests_total as v_tests_total, v.detail as v_detail,
                  v.diagnostics as v_diagnostics, v.cpu_s as v_cpu_s, v.memory_mb as v_memory_mb,
                  v.isolation as v_isolation, v.forgeable as v_forgeable, v.tests as v_tests, x.kept, x.reason
                  {_JOINED} where {where} order by s.cycle, s.purpose, s.task_id, s.idx limit ? offset ?"""
        return [_judged(r) for r in self._rows(sql, [*args, limit, offset])]

    def count_samples(self, run_id: str, **filters: Any) -> int:
        """How many samples the same filters of `samples` select."""
        wanted = {name: filters.get(name) for name in ("cycle", "purpose", "task_id", "status", "kept", "verified")}
        where, args = _filters(run_id, **wanted)
        return int(self._rows(f"select count(*) as n {_JOINED} where {where}", args)[0]["n"])

    def status_counts(self, run_id: str) -> list[dict[str, Any]]:
        """Rows {cycle, purpose, status, n}: verdicts counted per cycle and purpose."""
        sql = f"""select s.cycle, s.purpose, v.status, count(*) as n {_JOINED}
                  where s.run = ? and v.sample is not null group by 1, 2, 3 order by 1, 2, 3"""
        return self._rows(sql, [run_id])

    # -- phases --------------------------------------------------------------------------------------------------

    def begin_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
        """Record that a phase starts, before its work does; a phase that is already there stays as it was."""
        sql = (
            "insert or ignore into phases (run, cycle, phase, status, data, started) values (?, ?, ?, 'running', ?, ?)"
        )
        self._write([(sql, (run_id, cycle, phase, dumps(data or {}), time.time()))])

    def end_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
        """Record that a phase is done, and what it found."""
        sql = "update phases set status = 'done', data = ?, finished = ? where run = ? and cycle = ? and phase = ?"
        self._write([(sql, (dumps(data or {}), time.time(), run_id, cycle, phase))])

    def phase(self, run_id: str, cycle: int, phase: str) -> dict[str, Any] | None:
        """{status: running | done, data, started, finished} of one phase, or None when it has not begun."""
        found = [p for p in self.phases(run_id) if p["cycle"] == cycle and p["phase"] == phase]
        return found[0] if found else None

    def phases(self, run_id: str) -> list[dict[str, Any]]:
        """All phases of a run in the order they began."""
        rows = self._rows("select * from phases where run = ? order by started, rowid", [run_id])
        return [r | {"data": json.loads(r["data"])} for r in rows]


_JOINED = """from samples s left join verdicts v on v.sample = s.id left join selections x on x.sample = s.id"""


def _filters(
    run_id: str,
    cycle: int | None,
    purpose: str | None,
    task_id: str | None,
    status: str | None,
    kept: bool | None,
    verified: bool | None,
) -> tuple[str, list[Any]]:
    clauses, args = ["s.run = ?"], [run_id]
    wanted = {"s.cycle": cycle, "s.purpose": purpose, "s.task_id": task_id, "v.status": status, "x.kept": kept}
    for column, value in wanted.items():
        if value is not None:
            clauses.append(f"{column} = ?")
            args.append(value)  # type: ignore[arg-type]
    if verified is not None:
        clauses.append(f"v.sample is {'not ' if verified else ''}null")
    return " and ".join(clauses), args


def _run(row: Mapping[str, Any]) -> Run:
    return Run(**{**row, "config": json.loads(row["config"])})


def _sample_row(s: Sample) -> tuple[Any, ...]:
    blobs = array("i", s.prompt_ids).tobytes(), array("i", s.token_ids).tobytes(), array("f", s.logprobs).tobytes()
    counts = s.prompt_tokens or len(s.prompt_ids), s.completion_tokens or len(s.token_ids)
    code = None if s.code is None else _storable(s.code)
    return (s.task_id, s.index, _storable(s.text), code, s.finish_reason, s.seed, *blobs, s.seconds, *counts)


def _verdict_row(v: Verdict) -> tuple[Any, ...]:
    return (
        v.status,
        v.reward,
        v.tests_passed,
        v.tests_total,
        _storable(v.detail),
        _storable(v.diagnostics),
        v.cpu_s,
        v.memory_mb,
        v.isolation,
        int(v.forgeable),
        dumps({"tests": v.tests}),
    )


def _storable(text: str) -> str:
    """Half of a surrogate pair, which no database holds, becomes the escape that stands for it."""
    return text if is_unicode(text) else text.encode(errors="backslashreplace").decode()


def _judged(row: Mapping[str, Any]) -> StoredSample:
    sample = Sample(
        task_id=row["task_id"],
        index=row["idx"],
        text=row["text"],
        code=row["code"],
        finish_reason=row["finish_reason"],
        seed=row["seed"],
        prompt_ids=tuple(array("i", row["prompt_ids"])),
        token_ids=tuple(array("i", row["token_ids"])),
        logprobs=tuple(array("f", row["logprobs"])),
        seconds=row["seconds"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
    )
    verdict = None
    if row["v_sample"] is not None:
        found = {name.removeprefix("v_"): row[name] for name in row if name.startswith("v_") and name != "v_sample"}
        tests = tuple(json.loads(found["tests"])["tests"])
        verdict = Verdict(**(found | {"forgeable": bool(found["forgeable"]), "tests": tests}))
    kept = None if row["kept"] is None else bool(row["kept"])
    return StoredSample(row["id"], row["run"], row["cycle"], row["purpose"], sample, verdict, kept, row["reason"] or "")


class Report:
    """How a stage speaks of one run: events for people and charts, and whether somebody asked it to stop."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store, self.run_id = store, run_id
        self._last_progress = 0.0
        self._interrupted = False

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.store.folder(self.run_id)

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        """Where the work stands; at most five a second are stored, the first and the last of a phase always."""
        now = time.monotonic()
        if 0 < done < total and now - self._last_progress < 0.2:
            return
        self._last_progress = now
        self.store.emit(self.run_id, "progress", _some(phase=phase, done=done, total=total, cycle=cycle, unit=unit))

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        """Numbers at a step of one series (name: "train", "eval", "cycle", ...), for charts and tables."""
        self.store.emit(self.run_id, "metric", {"name": name, "step": step, "values": dict(values)})

    def log(self, text: str) -> None:
        """A line for people."""
        self.store.emit(self.run_id, "log", {"text": text})

    def artifact(self, name: str, path: Path | str, **about: Any) -> None:
        """Something the run made: a checkpoint, a result file."""
        self.store.emit(self.run_id, "artifact", {"name": name, "path": str(path), **about})

    def error(self, message: str, exit_code: int = 1) -> None:
        """Why the run failed, in one sentence, and the exit code that says so."""
        self.store.emit(self.run_id, "error", {"message": message, "exit_code": exit_code})

    def interrupt(self) -> None:
        """Ask the stage to stop now, as a signal handler may (it writes nothing)."""
        self._interrupted = True

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """True when the user asked to stop now, or (`at_cycle_end`) after this cycle."""
        if self._interrupted:
            return True
        asked = self.store.run(self.run_id).stop
        return asked in ("now", "kill") or (at_cycle_end and asked == "cycle")


def _some(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v not in (None, "")}
