"""The table of the Playground's blind votes, as a migration of its own: no other table refers to it."""

from sqlite_utils import Database

from haloforge.store.schema import migrations


@migrations()
def m003_votes(db: Database) -> None:
    """One row a vote: which of the models that answered a prompt was found best."""
    db.executescript(
        """
        create table if not exists votes (
            id integer primary key, time real not null, task_id text not null, prompt text not null,
            models text not null, best text not null, statuses text not null, seed integer not null
        );
        """
    )
