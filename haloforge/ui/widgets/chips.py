"""Small parts of a line: statuses as chips, shares as bars, times that the browser keeps up to date."""

from haloforge.markup.chips import verdict as verdict
from haloforge.records import Run
from haloforge.ui.formatting import percent
from haloforge.ui.markup import Html, h
from haloforge.ui.palette import RUNS
from haloforge.ui.progress import Phase


def run_status(run: Run) -> Html:
    """The chip of a run; while it is being stopped, the way in which."""
    word = RUNS[run.status].word
    if run.stop and run.status == "running":
        word = {"cycle": "stopping after this cycle", "now": "stopping and saving", "kill": "being killed"}[run.stop]
    if run.stop == "kill" and run.status in ("stopped", "interrupted"):
        word = "killed"
    elif run.stop and run.status == "stopped":
        word = {"cycle": "stopped after its cycle", "now": "stopped and saved"}[run.stop]
    return h("span", word, cls=f"chip {run.status}")


def bar(share: float, *, moving: bool = True) -> Html:
    """A share (0 to 1) as a thin bar, with its value for screen readers."""
    fill = h("i", style=f"width:{100 * share:.1f}%")
    return h(
        "span",
        fill,
        cls="bar" if moving else "bar still",
        role="progressbar",
        aria_valuenow=round(100 * share),
        aria_valuemin=0,
        aria_valuemax=100,
        aria_label=percent(share, 0),
    )


def ago(seconds_since_epoch: float) -> Html:
    """ "3 min ago", kept up to date by the browser."""
    return h("time", data_t=f"{seconds_since_epoch:.0f}")


def since(seconds_since_epoch: float) -> Html:
    """ "3 min", counted up by the browser."""
    return h("span", data_since=f"{seconds_since_epoch:.0f}")


def phase_text(phase: Phase) -> str:
    """cycle 2: sample 412/800. Cycle 0 is not named: it comes before the first, and is the only one outside RAFT."""
    cycle = f"cycle {phase.cycle}: " if phase.cycle else ""
    return f"{cycle}{phase.name} {phase.done}/{phase.total}"
