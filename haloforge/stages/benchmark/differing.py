"""The settings in which results differ, and those of them that alone may change a score."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SECTIONS = ("decoding", "verifier", "dataset", "environment")
_CHANGE_A_SCORE = frozenset(
    {
        "protocol",
        *(f"decoding.{name}" for name in ("max_new_tokens", "temperature", "top_p")),
        *(
            f"verifier.{name}"
            for name in (
                "type",
                "mode",
                "command",
                "run_after_compile",
                "time_limit_s",
                "memory_mb",
                "unforgeable",
                "accept_forgeable",
            )
        ),
    }
)


class Difference(NamedTuple):
    """A setting by its path in a result, and its value in each; None where a result does not say."""

    name: str
    values: tuple[Any, ...]

    @property
    def is_confounder(self) -> bool:
        """Whether it could explain a difference of scores: what the model was asked, or how it was judged."""
        said = [value for value in self.values if value is not None]
        return self.name in _CHANGE_A_SCORE and any(value != said[0] for value in said)


def differing(results: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """The settings that are not the same in all results, those that could change a score first."""
    flat = [_settings(result) for result in results]
    names = dict.fromkeys(name for settings in flat for name in settings)
    found = [Difference(name, tuple(settings.get(name) for settings in flat)) for name in names]
    return sorted((d for d in found if any(v != d.values[0] for v in d.values)), key=lambda d: not d.is_confounder)


def confounders_text(results: Sequence[Mapping[str, Any]]) -> str:
    """What two models were not asked, or judged, alike in; empty where they were."""
    parts = [
        f"{d.name.partition('.')[2] or d.name} {d.values[0]} and {d.values[1]}"
        for d in differing(results)
        if d.is_confounder
    ]
    return ", ".join(parts)


def _settings(result: Mapping[str, Any]) -> dict[str, Any]:
    flat = {"protocol": result["protocol"]}
    for section in _SECTIONS:
        flat |= {f"{section}.{name}": value for name, value in (result.get(section) or {}).items()}
    return {name: value for name, value in flat.items() if value is not None}
