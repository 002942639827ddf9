"""Loss curves, read once and then only what is new: a run may have 100,000 points, and a page looks often."""

from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from haloforge.store import Store

Points = list[tuple[float, float]]
MOST_POINTS = 780
"""Points of a curve that are handed out, about as many as a chart is pixels wide."""
_KEPT_RUNS = 8
_NAMES = {"train": "training", "eval": "held out"}


def losses(store: Store, run_id: str) -> dict[str, Points]:
    """Training and held-out loss by step, a line per cycle, thinned so that every spike stays.

    Of two values for a step, as a resumed run reports them, the later one counts.
    """
    with _lock:
        key = (str(store.root), store.file, run_id)
        curves = _cache.pop(key, None) or _Curves()
        _cache[key] = curves
        while len(_cache) > _KEPT_RUNS:
            _cache.popitem(last=False)
        curves.read(store, run_id)
        return {name: line.thinned() for name, line in sorted(curves.lines.items(), key=lambda pair: pair[1].first)}


def thin(xs: "array[float]", ys: "array[float]", limit: int) -> Points:
    """About `limit` points at most: the lowest and the highest of every bucket, in their order, so that spikes stay."""
    if len(xs) <= limit:
        return list(zip(xs, ys, strict=True))
    size = -(-len(xs) * 2 // limit)
    kept: list[int] = []
    for start in range(0, len(xs), size):
        bucket = ys[start : start + size]
        kept += sorted({start + bucket.index(min(bucket)), start + bucket.index(max(bucket))})
    return [(xs[i], ys[i]) for i in kept]


@dataclass
class _Line:
    """The points of one line in the order of their steps."""

    first: int
    """Id of its first event."""
    xs: "array[float]" = field(default_factory=lambda: array("d"))
    ys: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, step: float, value: float) -> None:
        """One more point; those of the same or a later step go."""
        while self.xs and self.xs[-1] >= step:  # the run was resumed from before this step
            self.xs.pop()
            self.ys.pop()
        self.xs.append(step)
        self.ys.append(value)

    def thinned(self) -> Points:
        """At most MOST_POINTS of them."""
        return thin(self.xs, self.ys, MOST_POINTS)


@dataclass
class _Curves:
    """The lines of one run, and the last event that is in them."""

    lines: dict[str, _Line] = field(default_factory=dict)
    last: int = 0

    def read(self, store: Store, run_id: str) -> None:
        """Add what was reported since the last time."""
        newest = self.last
        for name, word in _NAMES.items():
            for point in store.points(run_id, name, "loss", after=self.last):
                line = (
                    word if point.cycle is None else f"cycle {point.cycle}" + (", held out" if name == "eval" else "")
                )
                if line not in self.lines:
                    self.lines[line] = _Line(point.event)
                self.lines[line].add(point.step, point.value)
                newest = max(newest, point.event)
        self.last = newest


_cache: OrderedDict[tuple[str, tuple[int, int] | None, str], _Curves] = OrderedDict()
_lock = Lock()
