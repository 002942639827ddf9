"""The connection to the one SQLite file (WAL), its transactions, and the folders beside it."""

import fcntl
import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from haloforge.errors import MachineError, RunError

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

Row = dict[str, Any]
"""Column name -> value."""


@cache
def _import_sqlite_utils() -> None:
    """Without numpy and pandas, which it looks for, for types that nothing here stores: 0.4 s and 80 MB per command."""
    unneeded = {"numpy", "pandas"} - sys.modules.keys()
    for name in unneeded:
        sys.modules[name] = None  # type: ignore[assignment]  # so that it cannot be imported
    try:
        import sqlite_utils  # noqa: F401
    finally:
        for name in unneeded:
            del sys.modules[name]


def home() -> Path:
    """The folder of all run records: HALOFORGE_RUNS, else runs/ in the current folder."""
    return Path(os.environ.get("HALOFORGE_RUNS", "runs"))


class Connection:
    """The database `root`/haloforge.db, brought up to the newest schema. Not shared between threads."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home()).absolute()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with self._alone() if _is_empty(self._path) else nullcontext():
                self.db = self._connected()
                is_behind = self._is_behind()
            if is_behind:
                with self._alone():
                    self._bring_up_to_date()
            self.file = _file_at(self._path)
        except (OSError, sqlite3.DatabaseError) as e:  # a full disk, or a file that is no database
            raise MachineError(
                f"{self.root}: the run records cannot be opened or written ({e}); free space there if the disk is "
                "full, or set HALOFORGE_RUNS to another folder"
            ) from e

    def _connected(self) -> "Database":
        _import_sqlite_utils()
        from sqlite_utils import Database

        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma foreign_keys = on")
        return Database(connection)

    def _is_behind(self) -> bool:
        """Whether the schema is of an older version. Raises RunError for that of a newer one."""
        applied = {migration.name for migration in _migrations().applied(self.db)}
        if applied - _known():
            self.close()
            raise RunError(
                f"{self._path} was written by a newer version of halo-forge: upgrade this one, or set "
                "HALOFORGE_RUNS to another folder"
            )
        return applied < _known()

    def _bring_up_to_date(self) -> None:
        if self._is_behind():  # or another process was faster
            _migrations().apply(self.db)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: two that make or change the tables of one file would fail each other."""
        with (self.root / "opening.lock").open("ab") as lock:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        """Close the connection; nothing can be read or written afterwards."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows that a query selects. Raises MachineError when the file cannot be read."""
        try:
            with closing(self.db.conn.cursor()) as cursor:
                cursor.execute(sql, args)
                names = [d[0] for d in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.DatabaseError as e:
            raise MachineError(
                f"{self.root}/haloforge.db: could not be read ({e}); put a copy of it there, "
                "or set HALOFORGE_RUNS to another folder"
            ) from e

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
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

    @property
    def is_current(self) -> bool:
        """Whether the file at its place still is the one that was opened: a folder may be deleted, or put back."""
        return _file_at(self._path) == self.file

    def data_version(self) -> tuple[int, int]:
        """A value that changes when anything in the database did: this connection's writes, and everybody else's."""
        version = self.rows("pragma data_version")[0]["data_version"]
        return int(version), self.db.conn.total_changes

    @property
    def _path(self) -> Path:
        return self.root / "haloforge.db"

    def folder(self, run_id: str) -> Path:
        """The run's own folder (log, config.yaml), made when asked for."""
        path = self.root / run_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lock_path(self, run_id: str) -> Path:
        """The file that the process which works on a run holds locked for as long as it lives."""
        return self.folder(run_id) / "lock"

    def output_lock_path(self, place: Path) -> Path:
        """The file that a run holds locked while it writes to that place."""
        folder = self.root / "outputs"
        folder.mkdir(exist_ok=True)
        return folder / hashlib.sha256(bytes(place)).hexdigest()[:16]


@cache
def _migrations() -> "Migrations":
    import haloforge.store.vote_schema  # noqa: F401 - it adds its migration
    from haloforge.store.schema import migrations

    return migrations


@cache
def _known() -> frozenset[str]:
    """The migrations of this version."""
    from sqlite_utils import Database

    return frozenset(migration.name for migration in _migrations().pending(Database(memory=True)))


def _is_empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0


def _file_at(path: Path) -> tuple[int, int] | None:
    """What tells a file from every other one, under whatever name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
