"""Numbers, times and names as text for people."""

from haloforge.markup.numbers import count as count
from haloforge.markup.numbers import interval as interval
from haloforge.markup.numbers import number as number
from haloforge.markup.numbers import percent as percent
from haloforge.markup.numbers import points as points
from haloforge.records import Run


def duration(seconds: float) -> str:
    """12 s, 3 min, 2 h 10 min."""
    s = round(max(0.0, seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min"
    minutes = s % 3600 // 60
    return f"{s // 3600} h" + (f" {minutes} min" if minutes else "")


def left(seconds: float | None, of: str = "") -> str:
    """4 min left of the run; empty where that is not known, or nothing is left."""
    if not seconds:
        return ""
    return f"{duration(max(1.0, seconds))} left" + (f" of the {of}" if of else "")


def rate(per_second: float) -> str:
    """3.2/s; what is slower than one a second by the minute or the hour."""
    unit, seconds = next((u for u in (("s", 1), ("min", 60)) if per_second * u[1] >= 1), ("h", 3600))
    value = per_second * seconds
    return f"{value:.1f}/{unit}" if value < 10 else f"{value:.0f}/{unit}"


def title(run: Run) -> str:
    """The name that somebody gave a run, or its id."""
    return run.name or run.id


def label(path: str) -> str:
    """training.learning_rate -> Learning rate."""
    if path == "k":
        return "k of pass@k"
    words = path.split(".")[-1].replace("_", " ").strip().split(" ")
    text = " ".join(_ABBREVIATIONS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


_ABBREVIATIONS = {
    "r": "rank",
    "sft": "SFT",
    "num": "number of",
    "mb": "MB",
    "s": "(s)",
    "url": "URL",
    "bf16": "bfloat16",
    "rslora": "rsLoRA",
    "dora": "DoRA",
    "4bit": "4 bits",
    "lr": "LR",
    "dir": "folder",
}
