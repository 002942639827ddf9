"""Numbers, times and names as text for people."""

from haloforge.records import Run


def percent(share: float, digits: int = 1) -> str:
    """0.384 -> 38.4 %."""
    return f"{100 * share:.{digits}f} %"


def points(difference: float) -> str:
    """A difference of two shares: +7.3 points."""
    return f"{100 * difference:+.1f} points"


def interval(low: float, high: float) -> str:
    """A 95 % interval of a share: 25.0 to 41.2 %."""
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def number(value: object) -> str:
    """Whole numbers with narrow spaces between thousands; others with four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e9):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """12 s, 3 min, 2 h 10 min."""
    s = round(max(0.0, seconds))
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


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


def count(n: int, noun: str) -> str:
    """1 sample, 12 samples."""
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"


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
