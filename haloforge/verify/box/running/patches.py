"""What tests change around a solution while they run: its globals, its environment, where it prints to."""

import io
import os
import sys
from typing import Any

PATCHES = ("rebind", "unbind", "environ", "capture", "captured", "release")
"""The operations that do so."""
_MISSING = object()


class Patches:
    """The changes that are in force."""

    def __init__(self, scope: dict[str, Any]) -> None:
        """`scope`: the globals of the solution's module."""
        self._scope = scope
        self._originals: dict[str, Any] = {}
        self._streams: Any = None
        """Those that it printed to before, and those that it prints to now."""

    def original(self, name: str) -> Any:
        """A global of the solution's own. Raises KeyError for a name that it does not define."""
        value = self._originals.get(name, _MISSING)
        return self._scope[name] if value is _MISSING else value

    def perform(self, operation: str, arguments: list[Any]) -> Any:
        """One of `PATCHES`."""
        return getattr(self, f"_{operation}")(*arguments)

    def _rebind(self, name: str, value: Any) -> None:
        self._originals.setdefault(name, self._scope.get(name, _MISSING))
        self._scope[name] = value

    def _unbind(self, name: str) -> None:
        value = self._originals.pop(name, _MISSING)
        if value is _MISSING:
            self._scope.pop(name, None)
        else:
            self._scope[name] = value

    def _environ(self, name: str, value: str | None) -> None:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

    def _capture(self) -> None:
        self._streams = sys.stdout, sys.stderr, io.StringIO(), io.StringIO()
        sys.stdout, sys.stderr = self._streams[2:]

    def _captured(self) -> list[str]:
        texts = [stream.getvalue() for stream in self._streams[2:]]
        for stream in self._streams[2:]:
            stream.seek(0)
            stream.truncate()
        return texts

    def _release(self) -> None:
        sys.stdout, sys.stderr = self._streams[:2]
