"""A card as files, and the name that it has where none is given."""

from pathlib import Path

from haloforge.errors import ConfigError
from haloforge.files import file_errors, write_text
from haloforge.models import FINAL_MODEL, resolve
from haloforge.stages.publishing.card import CHART, Card


def write_card(card: Card, path: Path, *, overwrite: bool = False) -> None:
    """Write the card, and its chart beside it. Raises ConfigError where one of them is there already."""
    chart = path.with_name(CHART)
    for file in (path, *([chart] if card.chart else [])):
        if file.exists() and not overwrite:
            raise ConfigError(f"{file} is there already; give another --out, or --overwrite to replace it")
    write_text(path, card.text)
    if card.chart:
        with file_errors(chart):
            chart.write_bytes(card.chart)


def card_name(model: str) -> str:
    """The folder of the checkpoint above `final_model` and `cycle_N`; of a name, what stands after the slash."""
    parts = [part for part in Path(resolve(model).path.partition("@")[0]).parts if part != FINAL_MODEL]
    while len(parts) > 1 and parts[-1].startswith("cycle_"):
        parts.pop()
    return parts[-1]
