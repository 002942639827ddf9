"""The tables, as numbered migrations: an applied one is never edited, a change is a new one."""

from sqlite_utils import Database, Migrations

migrations = Migrations("haloforge")


@migrations()
def m001_initial(db: Database) -> None:
    """Runs and what they report; problems, samples, verdicts and selections of the runs that sample."""
    db.executescript(
        """
        create table runs (
            id text primary key, stage text not null, name text not null default '', status text not null,
            config text not null, created real not null, started real, finished real, parent text,
            pid integer, cwd text not null, stop text not null default ''
        );
        create index runs_created on runs (created);
        create table events (
            id integer primary key autoincrement, run text not null references runs (id) on delete cascade,
            time real not null, kind text not null, data text not null
        );
        create index events_run on events (run, id);
        create table problems (
            run text not null references runs (id) on delete cascade, task_id text not null,
            position integer not null, held_out integer not null default 0, data text not null,
            primary key (run, task_id)
        );
        create table samples (
            id integer primary key, run text not null references runs (id) on delete cascade,
            cycle integer not null, purpose text not null, task_id text not null, idx integer not null,
            text text not null, code text, finish_reason text not null, seed integer not null,
            prompt_ids blob not null, token_ids blob not null, logprobs blob not null, seconds real not null,
            prompt_tokens integer not null, completion_tokens integer not null,
            unique (run, cycle, purpose, task_id, idx)
        );
        create table verdicts (
            sample integer primary key references samples (id) on delete cascade,
            status text not null, reward real not null, tests_passed integer not null, tests_total integer not null,
            detail text not null, diagnostics text not null, cpu_s real not null, memory_mb real not null,
            isolation text not null, forgeable integer not null, tests text not null
        );
        create table selections (
            sample integer primary key references samples (id) on delete cascade,
            kept integer not null, reason text not null
        );
        create table phases (
            run text not null references runs (id) on delete cascade, cycle integer not null, phase text not null,
            status text not null, data text not null, started real not null, finished real,
            primary key (run, cycle, phase)
        );
        """
    )
