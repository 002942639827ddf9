"""The fixture `caplog`: what is logged while a test runs, where the solution is in the same process."""

import contextlib
from collections.abc import Iterator
from typing import Any

_LINE = "%(levelname)-8s %(name)s:%(filename)s:%(lineno)d %(message)s"


class CapturedLogs:
    """The records of every logger, from the levels that these let through. It does what a `logging.Handler` has to."""

    level = 0

    def __init__(self) -> None:
        import logging  # which few tests need

        self._logging = logging
        self.records: list[Any] = []
        self._levels = contextlib.ExitStack()

    def handle(self, record: Any) -> None:
        """See `logging.Handler`."""
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        """What was logged, without levels and names."""
        return [record.getMessage() for record in self.records]

    @property
    def record_tuples(self) -> list[tuple[str, int, str]]:
        """Logger, level and message of each."""
        return [(record.name, record.levelno, record.getMessage()) for record in self.records]

    @property
    def text(self) -> str:
        """A line for each."""
        form = self._logging.Formatter(_LINE)
        return "".join(f"{form.format(record)}\n" for record in self.records)

    def clear(self) -> None:
        """Forget them."""
        self.records = []

    def set_level(self, level: int | str, logger: str | None = None) -> None:
        """Of a logger, or of all, until the test has ended."""
        changed = self._logging.getLogger(logger)
        self._levels.callback(changed.setLevel, changed.level)
        changed.setLevel(level)

    @contextlib.contextmanager
    def at_level(self, level: int | str, logger: str | None = None) -> Iterator[None]:
        """The same within a block."""
        changed = self._logging.getLogger(logger)
        before = changed.level
        changed.setLevel(level)
        try:
            yield
        finally:
            changed.setLevel(before)

    @contextlib.contextmanager
    def running(self) -> Iterator["CapturedLogs"]:
        """Take what is logged meanwhile."""
        root: Any = self._logging.getLogger()
        root.addHandler(self)
        with self._levels:
            yield self
        root.removeHandler(self)
