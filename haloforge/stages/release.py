"""A checkpoint for others: OUTPUT/model in the wanted format, and OUTPUT/README.md, its card."""

import shutil
from pathlib import Path

from haloforge.config import ReleaseConfig
from haloforge.errors import ConfigError
from haloforge.files import file_errors
from haloforge.models import export, export_adapter
from haloforge.models.gguf import export_gguf, refuse_type
from haloforge.stages.publishing.card import card_of
from haloforge.stages.publishing.files import card_name, write_card
from haloforge.stages.shared.dry_run import model_line
from haloforge.stages.shared.phases import Facts, once
from haloforge.store import Report

CARD = "README.md"
_FILES = "model"
_EXPORT, _CARD = "export", "card"


def run(config: ReleaseConfig, report: Report) -> None:
    """Write what the config asks for; what a killed process left half done is made anew. Raises ModelError."""
    began = report.store.phase(report.run_id, 0, _EXPORT) is not None
    if not began:
        check_output(config)
    folder = Path(config.output)
    with file_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)

    def files() -> Facts:
        if (folder / _FILES).exists():  # this run's own, or to be replaced
            shutil.rmtree(folder / _FILES)
        return {"path": _exported(config, folder / _FILES, report)}

    def card() -> Facts:
        write_card(card_of(report.store, config.model, card_name(config.model)), folder / CARD, overwrite=True)
        return {}

    if config.format != "none":
        made = once(report, 0, _EXPORT, files)
        report.artifact(config.format, made.findings["path"])
    if config.card:
        once(report, 0, _CARD, card)
        report.artifact("card", folder / CARD)
    report.log(f"what others need is in {folder}")


def dry_run(config: ReleaseConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it."""
    check_output(config)
    kinds = {"gguf": f"one GGUF file, {config.type}", "merged": f"safetensors, {config.dtype}", "adapter": "an adapter"}
    return [
        model_line(config.model),
        *([f"export    {kinds[config.format]}, in {Path(config.output) / _FILES}"] if config.format in kinds else []),
        *([f"card      {Path(config.output) / CARD}"] if config.card else []),
    ]


def check_output(config: ReleaseConfig) -> None:
    """Raises ConfigError where something stands in the place of what would be written, ModelError for a GGUF type."""
    if config.format == "gguf":
        refuse_type(config.type)
    folder = Path(config.output)
    wanted = [*([_FILES] if config.format != "none" else []), *([CARD] if config.card else [])]
    for name in wanted:
        if (folder / name).exists() and not config.overwrite:
            raise ConfigError(f"{folder / name} is there already; give another --output, or --overwrite to replace it")


def _exported(config: ReleaseConfig, folder: Path, report: Report) -> str:
    if config.format == "gguf":
        return str(export_gguf(config.model, folder, kind=config.type, progress=report.log))
    if config.format == "adapter":
        return export_adapter(config.model, folder, progress=report.log).path
    return export(config.model, folder, dtype=config.dtype, progress=report.log).path
