"""The tables, as numbered migrations: an applied one is never edited, a change is a new one."""

from sqlite_utils import Database, Migrations

from haloforge.store.figures import backfill

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


@migrations()
def m002_run_lists_and_sample_lists(db: Database) -> None:
    """Names, tags, notes and key figures of runs; samples counted as they are written, and found by what they are."""
    db.executescript(
        """
        alter table runs add column tags text not null default '';
        alter table runs add column notes text not null default '';
        alter table runs add column place real;
        create index runs_stage on runs (stage, created);
        create index runs_parent on runs (parent);
        create table figures (
            run text primary key references runs (id) on delete cascade,
            score real, score_before real, untested_share real not null default 0, loss real, rows integer,
            cycle integer, phase text, done integer, total integer, at real
        ) without rowid;
        create index events_kind on events (run, kind);
        create index events_metric on events (run, json_extract(data, '$.name')) where kind = 'metric';
        create index samples_run on samples (run);
        create index samples_cycle on samples (run, cycle, purpose);
        create index samples_problem on samples (run, task_id);
        create index verdicts_status on verdicts (status);
        create index selections_kept on selections (kept);
        create index selections_reason on selections (reason);
        create table tallies (
            run text not null references runs (id) on delete cascade, cycle integer not null, purpose text not null,
            status text not null, kept integer not null, reason text not null, n integer not null,
            primary key (run, cycle, purpose, status, kept, reason)
        ) without rowid;
        insert into tallies
            select s.run, s.cycle, s.purpose, coalesce(v.status, ''), coalesce(x.kept, -1), coalesce(x.reason, ''),
                count(*)
            from samples s left join verdicts v on v.sample = s.id left join selections x on x.sample = s.id
            group by 1, 2, 3, 4, 5, 6;
        """
    )
    db.executescript(_COUNTING)
    backfill(db)


@migrations()
def m004_shards(db: Database) -> None:
    """Where the token ids and log-probs of a sample lie when they are not in its row: shard of the run, row of it."""
    db.executescript(
        """
        alter table samples add column shard integer;
        alter table samples add column place integer;
        create index samples_shard on samples (run, shard) where shard is not null;
        """
    )


_VERDICT = "coalesce((select status from verdicts where sample = {id}), '')"
_KEPT = "coalesce((select kept from selections where sample = {id}), -1)"
_REASON = "coalesce((select reason from selections where sample = {id}), '')"


def _counted(sample: str, change: int, **known: str) -> str:
    """Add `change` to the group of a sample; what is not `known` of the group is looked up."""
    status, kept, reason = (
        known.get(name, lookup.format(id=sample))
        for name, lookup in (("status", _VERDICT), ("kept", _KEPT), ("reason", _REASON))
    )
    group = f"select run, cycle, purpose, {status}, {kept}, {reason}, {change} from samples where id = {sample}"
    return f"insert into tallies {group} on conflict do update set n = n + excluded.n;"


_NO_SELECTION = {"kept": "-1", "reason": "''"}
_OLD_SELECTION = {"kept": "old.kept", "reason": "old.reason"}
_COUNTING = f"""
    create trigger tally_sample after insert on samples begin {_counted("new.id", 1)} end;
    create trigger tally_verdict after insert on verdicts begin
        {_counted("new.sample", -1, status="''")} {_counted("new.sample", 1)}
    end;
    create trigger tally_new_verdict after update on verdicts begin
        {_counted("new.sample", -1, status="old.status")} {_counted("new.sample", 1)}
    end;
    create trigger tally_selection after insert on selections begin
        {_counted("new.sample", -1, **_NO_SELECTION)} {_counted("new.sample", 1)}
    end;
    create trigger tally_new_selection after update on selections begin
        {_counted("new.sample", -1, **_OLD_SELECTION)} {_counted("new.sample", 1)}
    end;
"""
"""A sample leaves the group that it was in and enters the one that it is in, in the statement that writes: no writer
can forget to count. An `insert or replace` would, since it deletes without a trigger: writers say `on conflict`.
"""
