"""The chart of a model card as a PNG: a score over the cycles of a run, with its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_WIDTH, _HEIGHT = 1200, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 40, 80, 90
_INK, _GRID, _LINE = "#1f2328", "#d8dee4", "#0969da"
_FONT_PIXELS = 26


@dataclass(frozen=True, slots=True)
class Point:
    """The score of one cycle and its 95 % interval, all in 0 to 1."""

    cycle: int
    value: float
    low: float
    high: float


def cycle_chart(points: Sequence[Point], title: str) -> bytes:
    """A PNG of 1200 by 600 pixels; there must be a point."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    top = _rounded_up(max(point.high for point in points))
    _grid(draw, top, title)
    places = [(_across(number, len(points)), point) for number, point in enumerate(points)]
    draw.line([(x, _down(point.value, top)) for x, point in places], fill=_LINE, width=3)
    for x, point in places:
        _mark(draw, x, point, top)
    written = BytesIO()
    image.save(written, format="PNG", optimize=True)
    return written.getvalue()


def _grid(draw: "ImageDraw", top: float, title: str) -> None:
    _text(draw, (_LEFT, _TOP / 2), title, "lm")
    for step in range(6):
        value = top * step / 5
        y = _down(value, top)
        draw.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill=_GRID, width=2)
        _text(draw, (_LEFT - 12, y), f"{value:.2f}", "rm")
    _text(draw, ((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 20), "cycle (0 is the starting model)", "mm")


def _mark(draw: "ImageDraw", x: float, point: Point, top: float) -> None:
    low, high, y = _down(point.low, top), _down(point.high, top), _down(point.value, top)
    draw.line([(x, high), (x, low)], fill=_LINE, width=3)
    for end in (low, high):
        draw.line([(x - 9, end), (x + 9, end)], fill=_LINE, width=3)
    draw.ellipse([x - 8, y - 8, x + 8, y + 8], fill=_LINE)
    _text(draw, (x, _HEIGHT - _BOTTOM + 26), str(point.cycle), "mm")


def _text(draw: "ImageDraw", place: tuple[float, float], text: str, anchor: str) -> None:
    from PIL import ImageFont

    draw.text(place, text, fill=_INK, font=ImageFont.load_default(_FONT_PIXELS), anchor=anchor)


def _across(number: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number + 0.5) / count


def _down(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _rounded_up(value: float) -> float:
    """The end of the axis: one, or what leaves the points most of the room."""
    return next((end for end in (0.05, 0.1, 0.25, 0.5, 0.75) if value <= end), 1.0)
