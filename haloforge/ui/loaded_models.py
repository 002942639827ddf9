"""The models that this process holds for the Playground: the two used last, until nobody has asked them for a while.

While a run is at work, which needs the memory, a model leaves as soon as its answer is there.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from haloforge.generate import Engine, open_engine
from haloforge.models import give_back_memory
from haloforge.store import Store

_MOST = 2
IDLE_S = 120.0
"""A model that nobody asked for so long leaves the memory."""
_LOOK_S = 2.0


class Held(NamedTuple):
    """A model in memory, and whether it answers just now."""

    name: str
    is_in_use: bool


@dataclass(eq=False)
class _Loaded:
    engine: Engine
    in_use: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)


_models: dict[str, _Loaded] = {}
_changing = threading.RLock()


@contextmanager
def borrowed(model: str, root: Path | None = None) -> Iterator[Engine]:
    """The loaded engine of a model, for one thread at a time; it is loaded first where it is not. Raises ForgeError.

    `root` is where the runs are kept whose work goes before models that nobody uses.
    """
    while True:
        loaded = _loaded(model, root)
        with loaded.in_use:
            if _models.get(model) is not loaded:
                continue  # it was let go between
            try:
                yield loaded.engine
            finally:
                loaded.used = time.monotonic()
            return


def let_go(idle_s: float = 0.0) -> None:
    """Close the models that nobody uses, and has used for so long, and give their memory back to the system."""
    with _changing:
        idle = [name for name, loaded in _models.items() if time.monotonic() - loaded.used >= idle_s]
        gone = [name for name in idle if _close(name)]
    if gone:
        give_back_memory()


def held() -> tuple[Held, ...]:
    """The models in memory, in the order in which they were loaded."""
    with _changing:
        return tuple(Held(name, loaded.in_use.locked()) for name, loaded in _models.items())


def _loaded(model: str, root: Path | None) -> _Loaded:
    with _changing:
        if model not in _models:
            _make_room()
            _models[model] = _Loaded(open_engine("local", model))
            if len(_models) == 1:
                threading.Thread(target=_let_go_in_time, args=(root,), name="idle models", daemon=True).start()
        return _models[model]


def _make_room() -> None:
    for name in sorted(_models, key=lambda name: _models[name].used):
        if len(_models) < _MOST:
            return
        _close(name)
    give_back_memory()


def _close(model: str) -> bool:
    """Let go of a model unless somebody uses it."""
    loaded = _models[model]
    if not loaded.in_use.acquire(blocking=False):
        return False
    try:
        del _models[model]
        loaded.engine.close()
    finally:
        loaded.in_use.release()
    return True


def _let_go_in_time(root: Path | None) -> None:
    while _models:
        time.sleep(_LOOK_S)
        let_go(0.0 if _run_is_at_work(root) else IDLE_S)


def _run_is_at_work(root: Path | None) -> bool:
    with Store(root) as store:
        return bool(store.runs(status="running", limit=1))
