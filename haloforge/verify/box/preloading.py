"""The whole standard library, loaded before no file can be opened any more: what is not in memory then is lost.

So an honest import fails at level `noopen` only where it would fail at any other level, too: for packages that are not
of the library, and for windows and terminals. `zoneinfo` loads, but its zones are files.
"""

import contextlib
import encodings
import importlib
import pkgutil
import sys
import warnings

NOT_FOR_PROGRAMS = frozenset(["antigravity", "idlelib", "test", "this", "tkinter", "turtle", "turtledemo"])
"""They print, or open windows or a browser."""
_PARTS = (
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


def load() -> None:
    """Half a second and 25 MiB; what this machine does not have is left out."""
    names = [name for name in sys.stdlib_module_names if not name.startswith("_") and name not in NOT_FOR_PROGRAMS]
    codecs = [f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*sorted(names), *_PARTS, *codecs]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
