"""The modules that a warm process imports before it forks, so that none of its children has to.

At level `noopen` no file can be opened after that, so the whole standard library is loaded. An honest import then fails
only where it would fail at any other level too: for packages outside the library, for windows and for terminals.
`zoneinfo` loads, but its zones are files.
"""

import contextlib
import encodings
import importlib
import os
import pkgutil
import site
import sys
import warnings
from typing import Any

_OFTEN_IMPORTED = """
    abc array bisect calendar cmath collections contextlib copy dataclasses datetime decimal enum fractions functools
    hashlib heapq inspect io itertools json math numbers operator queue random re statistics string struct textwrap
    threading time traceback types typing unicodedata warnings
"""
NOT_FOR_PROGRAMS = frozenset(["antigravity", "idlelib", "test", "this", "tkinter", "turtle", "turtledemo"])
"""Modules that print, or open a window or a browser, when they are imported."""
_SUBMODULES = (
    "_strptime",  # which datetime loads when it is first needed
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "ctypes.util",
    "curses.ascii",
    "email.mime.text",
    "html.parser",
    "http.client",
    "importlib.metadata",
    "importlib.resources",
    "logging.handlers",
    "multiprocessing.pool",
    "unittest.mock",
    "urllib.request",
    "xml.dom.minidom",
    "xml.etree.ElementTree",
    "xml.sax",
)
"""Modules that the import of their package does not load."""


def preload(config: dict[str, Any]) -> None:
    """Import what `config` asks for: the usual modules, the whole library at level `noopen`, and `packages`.

    From the folders `site` solutions import too.
    """
    _open_stdout()
    site.setquit()  # `exit`, `quit` and `help`, which Python has unless it is started without `site`, as it is here
    site.sethelper()
    sys.path += config["site"]
    sys.prefix = sys.exec_prefix = config["prefix"] or sys.prefix
    for name in _OFTEN_IMPORTED.split():
        __import__(name)
    if config["noopen"]:
        _load_standard_library()
    sys.path[:0] = config["package_paths"]
    for name in config["packages"]:
        __import__(name)
    del sys.path[: len(config["package_paths"])]


def _open_stdout() -> None:
    """Anew, while a pipe stands in its place, as in the children: some scripts wrap `sys.stdout.buffer`.

    What Python opened at its start was /dev/null, and such a stream says for good that one can seek in it.
    """
    null, (reading, writing) = os.dup(1), os.pipe()
    os.dup2(writing, 1)
    stream = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    stream.buffer.raw.name = "<stdout>"  # type: ignore[attr-defined]
    vars(sys).update(stdout=stream, __stdout__=stream)
    os.dup2(null, 1)
    for descriptor in (null, reading, writing):
        os.close(descriptor)


def _load_standard_library() -> None:
    """Takes half a second and 25 MiB. What this machine does not have is left out."""
    names = [name for name in sys.stdlib_module_names if not name.startswith("_") and name not in NOT_FOR_PROGRAMS]
    codecs = [f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*sorted(names), *_SUBMODULES, *codecs]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
