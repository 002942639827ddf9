"""What tests do with files, in the folder that they share with the solution."""

import os
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ReadAgain:
    """An audit hook: notes whether the tests read a file that they have written themselves.

    The solution may have changed it meanwhile, at any moment, and the tests may take from it what they expect. A
    database counts as such a file from the start, as it is read and written through one connection.
    """

    def __init__(self, *, seeks: bool = False) -> None:
        """`seeks`: whether the tests go back in a file: then one that is open for both counts as read again."""
        self.happened = False
        self._seeks = seeks
        self._written: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See `sys.addaudithook`."""
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = _path(arguments[0])
            if not arguments[2] & os.O_WRONLY and not arguments[2] & os.O_TRUNC and path in self._written:
                self.happened = True
            if arguments[2] & _WRITING:
                self._written.add(path)
            if self._seeks and arguments[2] & os.O_RDWR:
                self.happened = True
        elif event in ("os.rename", "os.link", "os.symlink") and _path(arguments[0]) in self._written:
            self._written.add(_path(arguments[1]))
        elif event == "sqlite3.connect" and arguments[0] not in ("", ":memory:"):
            self.happened = True


def _path(path: Any) -> str:
    return os.fsdecode(os.path.abspath(path))
