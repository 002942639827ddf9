"""The one number that says how good a run is, as text."""

from haloforge.stages.shared.scores import score_name
from haloforge.store import RunLine
from haloforge.ui.formatting import number, percent


def key_figure(line: RunLine) -> str:
    """Its score, loss or count of rows; empty where there is none yet."""
    figures = line.figures
    if figures.score is not None:
        return f"{score_name(figures.untested_share)} {percent(figures.score)}"
    if line.run.stage == "sft" and figures.loss is not None:
        return f"loss {number(figures.loss)}"
    if figures.rows is not None:
        return f"{number(figures.rows)} {'problems' if line.run.stage == 'data-prepare' else 'that passed'}"
    return ""
