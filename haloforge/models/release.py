"""Memory given back: what nobody holds any more leaves the process, so that one model at a time is enough."""

import ctypes
import gc
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, FunctionType, MethodType


@contextmanager
def letting_go() -> Iterator[None]:
    """A block after which the models that it made are gone, unless something outside of it holds them.

    That is so when the block ends with an error too: the frames of an error's traceback hold all their variables, the
    model among them, for as long as somebody holds the error. They are emptied; the traceback itself stays.
    """
    try:
        yield
    except BaseException as error:
        _empty_frames(error)
        raise
    finally:
        give_back_memory()


def give_back_memory() -> None:
    """Collect garbage, and return the freed memory to the system, on a GPU and on the host.

    A trainer, its callbacks and its model refer to each other, so they go only when garbage is collected. PyTorch keeps
    freed GPU memory for itself and glibc keeps freed host memory, both for a next time that is not ours to wait for.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        _trim_heap()


def _empty_frames(error: BaseException) -> None:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            traceback.clear_frames(current.__traceback__)
            for frame, _ in traceback.walk_tb(current.__traceback__):
                _empty_closure(frame)
            waiting += [current.__cause__, current.__context__]


def _empty_closure(frame: FrameType) -> None:
    """Forget the models in the closure of a frame's function: trl wraps a model's `forward` into such a function."""
    functions = (thing for thing in gc.get_referents(frame) if isinstance(thing, FunctionType))
    for cell in (cell for function in functions for cell in function.__closure__ or ()):
        with suppress(ValueError):  # the cell is empty
            if isinstance(cell.cell_contents, MethodType) and _is_module(cell.cell_contents.__self__):
                del cell.cell_contents


def _is_module(thing: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _trim_heap() -> None:
    libc = ctypes.CDLL(None)
    try:
        trim = libc.malloc_trim
    except AttributeError:  # not glibc (musl has none, and keeps little)
        return
    trim(0)
