"""The numbers of a finished benchmark, from its result file."""

from typing import Any

from haloforge.config import output_of
from haloforge.errors import ForgeError
from haloforge.records import Run
from haloforge.stages.benchmark.compare import read_result, tallies_of, untested_share_of
from haloforge.stages.shared.scores import score_name
from haloforge.ui.formatting import interval, percent
from haloforge.ui.markup import Html, facts, h, link, note
from haloforge.ui.view import query


def figures(run: Run) -> Html | None:
    """pass@k with its intervals, and the doubts about it; None where the file is gone or of another run."""
    path = output_of(run)
    try:
        result = read_result(path) if path and path.is_file() else None
    except ForgeError:
        return None
    if result is None or result.get("run") != run.id:
        return None
    untested = untested_share_of(result)
    shown = [
        h(
            "div",
            h("b", percent(estimate["value"])),
            h("span", f"{score_name(untested, int(k))}, 95 % CI {interval(estimate['low'], estimate['high'])}"),
            cls="figure",
        )
        for k, estimate in result["pass_at_k"].items()
        if estimate["value"] is not None
    ]
    tallies = tallies_of(result)
    scored = f"{sum(tally.scored > 0 for tally in tallies)} of {len(tallies)} scored"
    lines: list[tuple[str, Any]] = [
        ("Problems", ", ".join(filter(None, (scored, result["dataset"].get("name"))))),
        ("No code", _share(result.get("extraction_failures"))),
        ("Cut off", _share(result.get("truncations"))),
        ("Result", link("Compare", query({"tab": "compare", "b": str(path)}))),
    ]
    doubts = [note(f"Doubtful: {doubt}", "error") for doubt in result.get("doubts", ())]
    return h("div", h("div", shown, cls="figures"), doubts, facts(lines), cls="stack")


def _share(answers: dict[str, float] | None) -> str:
    return "not known" if answers is None else f"{answers['count']} answers ({percent(answers['share'])})"
