"""What a finished benchmark measured, out of its result file."""

from typing import Any

from haloforge.config import output_of
from haloforge.errors import ForgeError
from haloforge.records import Run
from haloforge.stages.benchmark.compare import read_result
from haloforge.ui.markup import Html, facts, h, link, note
from haloforge.ui.view import query
from haloforge.ui.wording import interval, percent


def figures(run: Run) -> Html | None:
    """pass@k with its intervals, and what makes it doubtful, out of a finished benchmark's file."""
    path = output_of(run)
    try:
        result = read_result(path) if path and path.is_file() else None
    except ForgeError:
        return None
    if result is None or result["run"] != run.id:
        return None
    shown = [
        h(
            "div",
            h("b", percent(found["value"])),
            h("span", f"pass@{k}, 95 % CI {interval(found['low'], found['high'])}"),
            cls="figure",
        )
        for k, found in result["pass_at_k"].items()
        if found["value"] is not None
    ]
    lines: list[tuple[str, Any]] = [
        (
            "Problems",
            f"{result['coverage']['scored']} of {result['coverage']['problems']} scored, {result['dataset']['name']}",
        ),
        ("No code", _share(result["extraction_failures"])),
        ("Cut off", _share(result["truncations"])),
        ("Result", link("Compare", query({"tab": "compare", "b": str(path)}))),
    ]
    doubts = [note(f"Doubtful: {doubt}", "error") for doubt in result["doubts"]]
    return h("div", h("div", shown, cls="figures"), doubts, facts(lines), cls="stack")


def _share(found: dict[str, float]) -> str:
    return f"{found['count']} answers ({percent(found['share'])})"
