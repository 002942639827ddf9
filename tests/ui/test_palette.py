"""One colour and one word for every status, readable on light and dark pages."""

from haloforge.config import STAGES as CONFIGS
from haloforge.records import STATUSES, RunStatus
from haloforge.ui.palette import ACCENT, RUNS, STAGES, VERDICTS, css


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(ink: str, page: str, share: float = 0.11) -> str:
    """The ground of a chip: a little of its ink on the page."""
    parts = [round(share * int(ink[i : i + 2], 16) + (1 - share) * int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_every_status_and_stage_has_its_look() -> None:
    assert set(VERDICTS) == set(STATUSES) and set(STAGES) == set(CONFIGS)
    assert set(RUNS) == set(RunStatus.__args__)


def test_no_two_verdicts_share_a_word_or_a_colour() -> None:
    for values in zip(*VERDICTS.values(), strict=True):
        assert len(set(values)) == len(VERDICTS)


def test_chips_are_readable_on_light_and_dark_pages() -> None:
    for look in (*VERDICTS.values(), *RUNS.values()):
        assert contrast(look.light, mixed(look.light, "#ffffff")) >= 4.5, look
        assert contrast(look.dark, mixed(look.dark, "#111a2c")) >= 4.5, look


def test_white_text_is_readable_on_the_accent() -> None:
    assert contrast(ACCENT, "#ffffff") >= 4.5


def test_the_style_sheet_has_every_chip_twice() -> None:
    sheet = css()
    assert all(sheet.count(f".chip.{name}{{") == 2 for name in (*VERDICTS, *RUNS))
