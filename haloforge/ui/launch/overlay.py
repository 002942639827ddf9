"""YAML laid over a form: a whole file, or the few lines that should change."""

from collections.abc import Mapping
from typing import Any

import yaml

from haloforge.errors import ConfigError
from haloforge.nesting import nested
from haloforge.settings import StageConfig, settings
from haloforge.ui.launch.complaints import complaints
from haloforge.yaml_text import load_config


def read(cls: type[StageConfig], text: str, where: str) -> dict[str, Any]:
    """The settings that a YAML text names, dotted path -> value. Raises ConfigError, one sentence, for any that is not
    a setting of the stage or that it cannot have."""
    data = load_config(text, where)
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{where} names no setting: give lines such as {_example(cls)}")
    whole = cls.written_out({str(key): value for key, value in data.items()})
    flat = _flat(whole, {s.path for s in settings(cls)})
    _refuse_wrong(cls, whole, flat, where)
    return flat


def _refuse_wrong(cls: type[StageConfig], whole: Mapping[str, Any], flat: Mapping[str, Any], where: str) -> None:
    known = settings(cls)
    unknown = [path for path in flat if path not in {s.path for s in known}]
    if unknown:
        try:
            cls.parse(whole)
        except ConfigError as error:
            sentences = [part for part in str(error).split("; ") if " is missing: " not in part]
            raise ConfigError(f"{where}: {'; '.join(sentences)}") from error
    wrong = [c for c in complaints(cls, known, flat) if "is still to fill in" not in c.sentence]
    if wrong:
        raise ConfigError(f"{where}: {'; '.join(c.whole() for c in wrong)}")


def _flat(data: Mapping[str, Any], known: set[str], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and path not in known:
            flat |= _flat(value, known, f"{path}.")
        elif value is not None or path in known:
            flat[path] = value
    return flat


def _example(cls: type[StageConfig]) -> str:
    s = next(s for s in settings(cls) if "." in s.path and not s.required)
    return yaml.safe_dump(nested({s.path: s.default}), default_flow_style=True).strip()
