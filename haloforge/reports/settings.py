"""Settings in which results differ, and where each result comes from."""

from collections.abc import Mapping
from typing import Any

from haloforge.markup.elements import Child, Html, h, table
from haloforge.markup.numbers import number
from haloforge.reports.side_by_side import SideBySide

_FROM: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Model", ("model", "name")),
    ("Base model", ("model", "base_model")),
    ("Trained by run", ("model", "run")),
    ("Cycle", ("model", "cycle")),
    ("Model revision", ("model", "revision")),
    ("Data set", ("dataset", "name")),
    ("Data set version", ("dataset", "version")),
    ("Problem file", ("dataset", "file")),
    ("SHA-256 of the file", ("dataset", "sha256")),
    ("SHA-256 of the problems", ("dataset", "problems_sha256")),
    ("Protocol", ("protocol",)),
    ("Samples per problem", ("decoding", "samples")),
    ("Temperature", ("decoding", "temperature")),
    ("Top p", ("decoding", "top_p")),
    ("Longest answer (tokens)", ("decoding", "max_new_tokens")),
    ("Seed", ("decoding", "seed")),
    ("Verifier", ("verifier", "type")),
    ("Isolation", ("environment", "isolation")),
    ("Measured by run", ("run",)),
    ("Cycle measured", ("cycle",)),
    ("halo-forge", ("environment", "halo_forge")),
    ("Python", ("environment", "python")),
    ("Machine", ("environment", "machine")),
    ("torch", ("environment", "torch")),
    ("transformers", ("environment", "transformers")),
    ("Training data checked against the problems", ("trained_on_test", "checked")),
    ("Training data that could not be checked", ("trained_on_test", "unknown")),
)


def differing_settings(shown: SideBySide) -> Html:
    """A line per setting that is not the same in all; those that alone could change a score are marked."""
    if not shown.settings:
        return h("p", "The results have the same settings.", cls="muted")
    heads: list[Child] = ["Setting", *(h("th", side.letter, scope="col") for side in shown.sides), ""]
    rows = [
        h(
            "tr",
            h("td", h("code", difference.name)),
            [h("td", _value(value)) for value in difference.values],
            h("td", h("span", "changes scores", cls="bad") if difference.is_confounder else None),
        )
        for difference in shown.settings
    ]
    return table(heads, rows, label="Settings that differ")


def provenance(shown: SideBySide) -> Html:
    """What each result was measured on, with which model, settings, seeds, digests and versions, as it says itself."""
    heads: list[Child] = ["", *(h("th", side.letter, scope="col") for side in shown.sides)]
    rows = []
    for label, path in _FROM:
        values = [_at(side.result, path) for side in shown.sides]
        if any(value not in (None, "", []) for value in values):
            rows.append(h("tr", h("th", label, scope="row"), [h("td", _value(value)) for value in values]))
    return table(heads, rows, label="Provenance", cls="provenance")


def _at(result: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = result
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _value(value: Any) -> Child:
    if value in (None, "", []):
        return h("span", "not recorded", cls="muted")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return number(value) if isinstance(value, float) else str(value)
