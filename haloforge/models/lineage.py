"""What a model name stands for, adapter by adapter down to a full model. Reads JSON files, no weights or network."""

from pathlib import Path
from typing import NamedTuple

from haloforge.errors import ModelError
from haloforge.models.hub import HubName, cached_snapshot
from haloforge.models.metadata import json_object, read_metadata

EMBEDDED = "smollm2-135m"
"""The name of the model that comes as a package."""
FINAL_MODEL = "final_model"

_ADAPTER_FILE = "adapter_config.json"
_CONFIG_FILE = "config.json"
_LOCAL_FOLDERS = frozenset({"models", "runs", "data", "checkpoints", "results", "output", "outputs", "tmp"})


class Link(NamedTuple):
    """One adapter, or the full model below them all.

    `name` is an absolute folder, a Hub id with the revision that was asked for, or the embedded model's name. `folder`
    holds its files, None where they are not known on this machine yet. Of a Hub model `revision` is the commit, where
    it is known, and `place` the folder in the repository that holds the weights ("" for its top).
    """

    name: str
    folder: Path | None = None
    revision: str = ""
    place: str = ""

    @property
    def hub(self) -> HubName | None:
        """The id on the Hub, with the revision that was asked for; None for a folder or the embedded model."""
        return None if Path(self.name).is_absolute() else HubName.parse(self.name)

    @property
    def id(self) -> str:
        """The name without a revision, as other tools write it."""
        return self.hub.repo if self.hub else self.name

    @property
    def is_adapter(self) -> bool:
        """Told by its files; False where they are not known."""
        return self.folder is not None and (self.folder / _ADAPTER_FILE).is_file()


class Lineage(NamedTuple):
    """Adapters from the top one down, and the full model below them all."""

    adapters: tuple[Link, ...]
    root: Link

    @property
    def links(self) -> tuple[Link, ...]:
        """All of them, the top one first."""
        return (*self.adapters, self.root)


def lineage_of(name: str | Path) -> Lineage:
    """Follow adapters down to a full model; no adapters for a full model, or one whose files are not known yet.

    Raises ModelError, one sentence, for what is no model.
    """
    adapters: list[Link] = []
    link = _link(str(name))
    while link.is_adapter:
        if link.name in (other.name for other in adapters):
            raise ModelError(
                f"The adapter {link.name} rests on itself; mend base_model_name_or_path in {_ADAPTER_FILE}"
            )
        adapters.append(link)
        assert link.folder is not None
        link = _link(_base_of(link.folder))
    return Lineage(tuple(adapters), link)


def holds_weights(folder: Path) -> bool:
    """Whether there is a full model or an adapter right in the folder."""
    return (folder / _ADAPTER_FILE).is_file() or (folder / _CONFIG_FILE).is_file()


def _link(name: str) -> Link:
    name = name.strip()
    if name == EMBEDDED:
        return Link(EMBEDDED)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        weights = _weights_folder(folder, str(folder)).resolve()
        return Link(str(weights), weights)
    if name and folder.exists():
        raise ModelError(f"{name} is a file, not a model; name the folder that holds config.json or {_ADAPTER_FILE}")
    if _looks_local(name):
        raise ModelError(f"The folder {name} does not exist; train it first, or name another model")
    if hub := HubName.parse(name):
        return _hub_link(hub)
    raise ModelError(
        f"Unknown model {name!r}; name {EMBEDDED}, a folder, or a Hub id such as Qwen/Qwen2.5-Coder-0.5B-Instruct"
    )


def _hub_link(name: HubName) -> Link:
    snapshot = cached_snapshot(name)
    if snapshot is None:
        return Link(str(name), revision=name.revision if name.is_pinned else "")
    weights = _weights_folder(snapshot, str(name))
    place = weights.relative_to(snapshot).as_posix().removeprefix(".")
    return Link(str(name), weights, snapshot.name, place)


def _base_of(adapter: Path) -> str:
    """A relative path in `adapter_config.json` is tried from the adapter's folder, then from the working folder.

    A `revision` beside it belongs to a base on the Hub.
    """
    settings = json_object(adapter / _ADAPTER_FILE)
    base, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not isinstance(base, str) or not base:
        raise ModelError(f"{adapter / _ADAPTER_FILE} does not say which base_model_name_or_path it belongs on")
    if (adapter / base).is_dir():
        return str(adapter / base)
    is_on_hub = HubName.parse(base) is not None and not Path(base).exists()
    return f"{base}@{revision}" if revision and is_on_hub and "@" not in base else base


def _weights_folder(folder: Path, name: str) -> Path:
    """The folder itself, the best model of a run's output, or that of its newest cycle. Raises ModelError."""
    if holds_weights(folder):
        return folder
    best = read_metadata(folder).best
    cycles = sorted(folder.glob(f"cycle_*/{FINAL_MODEL}"), key=lambda path: _cycle_number(path.parent.name))
    for candidate in [*([folder / best] if best else []), folder / FINAL_MODEL, *reversed(cycles)]:
        if holds_weights(candidate):
            return candidate
    raise ModelError(f"{name} holds no model: there is no config.json, {_ADAPTER_FILE} or {FINAL_MODEL} in it")


def _cycle_number(name: str) -> int:
    digits = name.removeprefix("cycle_")
    return int(digits) if digits.isdigit() else -1


def _looks_local(name: str) -> bool:
    path, _, _ = name.partition("@")
    parts = Path(path).parts
    return (
        name.startswith((".", "/", "~"))
        or "\\" in name
        or len(parts) > 2
        or (len(parts) == 2 and parts[0] in _LOCAL_FOLDERS)
        or bool(parts and parts[-1] == FINAL_MODEL)
    )
