"""Numbers as text for people, written one way on the page and in reports."""


def percent(share: float, digits: int = 1) -> str:
    """0.384 -> 38.4 %."""
    return f"{100 * share:.{digits}f} %"


def points(difference: float) -> str:
    """A difference of two shares: +7.3 points."""
    return f"{100 * difference:+.1f} points"


def interval(low: float, high: float) -> str:
    """A 95 % interval of a share: 25.0 to 41.2 %."""
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def share(value: float, low: float, high: float) -> str:
    """A share with its 95 % interval: 38.4 % [31.0, 45.2]."""
    return f"{percent(value)} [{100 * low:.1f}, {100 * high:.1f}]"


def change(value: float, low: float, high: float) -> str:
    """A difference of two shares with its 95 % interval: +7.3 points [+2.1, +12.6]."""
    return f"{points(value)} [{100 * low:+.1f}, {100 * high:+.1f}]"


def number(value: object) -> str:
    """Whole numbers with narrow spaces between thousands; others with four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e9):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}"


def count(n: int, noun: str) -> str:
    """1 sample, 12 samples."""
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"
