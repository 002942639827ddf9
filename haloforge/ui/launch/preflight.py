"""What must be there before a run starts: a row each for model, template, data, verifier, sandbox, disk, output.

It reads files and asks compilers for their version; it needs no weights and no network, and imports no torch.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from haloforge import stages
from haloforge.config import (
    BenchmarkConfig,
    GenerateConfig,
    PrepareConfig,
    RaftConfig,
    SftConfig,
    VerifySettings,
    values,
)
from haloforge.doctor import Check
from haloforge.errors import ForgeError
from haloforge.languages import default_language
from haloforge.models import config_folder, resolve
from haloforge.problems import SOURCES, Source, load_problems, load_training_rows, read_manifest
from haloforge.records import Problem
from haloforge.settings import StageConfig, output_setting, settings
from haloforge.ui.formatting import count
from haloforge.verify import isolation, lost_at, open_verifier

_ENOUGH_GIB = 2


def preflight(config: StageConfig) -> list[Check]:
    """The rows for a config, in the order in which a run would meet them."""
    return [*_model(config), *_data(config), *_disk(config), *_output(config)]


def _model(config: StageConfig) -> Iterator[Check]:
    current = values(config)
    paths = [s.path for s in settings(type(config)) if s.kind == "model"]
    if not paths or current.get("backend", "local") != "local":
        return
    name = current[paths[0]]
    try:
        checkpoint, folder = resolve(name), config_folder(name)
    except ForgeError as error:
        yield Check("model", "missing", str(error))
        return
    if folder is None:
        yield Check("model", "optional", f"{name} is not on this machine", "it will be fetched from the Hub")
        return
    yield Check("model", "ok", checkpoint.path + (f", on {checkpoint.base_model}" if checkpoint.is_adapter else ""))
    if _has_template(folder):
        yield Check("template", "ok", "the model's own chat template")
    else:
        yield Check("template", "optional", "the model has no chat template", "the plain one of halo-forge is used")


def _has_template(folder: Path) -> bool:
    """Whether the tokenizer of a full model brings a chat template."""
    settings_file = folder / "tokenizer_config.json"
    if (folder / "chat_template.jinja").is_file():
        return True
    try:
        return settings_file.is_file() and "chat_template" in json.loads(settings_file.read_text(encoding="utf-8"))
    except ValueError:
        return False


def _data(config: StageConfig) -> Iterator[Check]:
    match config:
        case PrepareConfig():
            yield _source(SOURCES[config.dataset])
        case SftConfig():
            yield from (_training_file(file.file) for file in config.data.files)
        case GenerateConfig():
            is_there = Path(config.prompts).is_file()
            text = config.prompts if is_there else f"there is no file {config.prompts}"
            yield Check("data", "ok" if is_there else "missing", text)
            if config.verify:
                yield _sandbox(config.verifier)
        case RaftConfig() | BenchmarkConfig():
            yield from _problems(config.prompts, config.verifier)
            yield _sandbox(config.verifier)


def _sandbox(verifier: VerifySettings) -> Check:
    if verifier.cluster:
        return Check("sandbox", "optional", f"the nodes of {verifier.cluster} judge, in theirs")
    level = isolation()
    if not level.accepted:
        return Check("sandbox", "missing", "this machine can build none", "install bubblewrap")
    lost = lost_at(level.name)
    text = f"level {level.name}" + ("" if lost == "nothing" else f", without {lost}")
    return Check("sandbox", "ok", text)


def _source(source: Source) -> Check:
    if source.is_bundled:
        return Check("data", "ok", f"{source.name} comes with the package, {source.license}")
    return Check("data", "optional", f"{source.name} is on the Hub, {source.license}", "what is not here is fetched")


def _training_file(name: str) -> Check:
    try:
        rows = load_training_rows(name).rows
    except ForgeError as error:
        return Check("data", "missing", str(error))
    return Check("data", "ok", f"{count(len(rows), 'row')}{_licence(name)}")


def _problems(name: str, verifier: VerifySettings) -> Iterator[Check]:
    try:
        problems = load_problems(name, default_language=default_language(verifier.type))
    except ForgeError as error:
        yield Check("data", "missing", str(error))
        return
    tested = sum(p.tests.kind != "none" for p in problems)
    languages = ", ".join(sorted({p.language for p in problems}))
    hint = "" if tested else "without tests a program that compiles counts as good"
    text = f"{len(problems)} problems, {tested} with tests, in {languages}{_licence(name)}"
    yield Check("data", "ok" if tested else "optional", text, hint)
    yield _tools(verifier, problems, languages)


def _tools(verifier: VerifySettings, problems: Sequence[Problem], languages: str) -> Check:
    if verifier.cluster:
        ask = f"halo-forge doctor --cluster {verifier.cluster} says what they have"
        return Check("compiler", "optional", f"the nodes of {verifier.cluster} judge programs in {languages}", ask)
    try:
        with open_verifier(verifier) as opened:
            opened.check(problems)
    except ForgeError as error:
        return Check("compiler", "missing", str(error))
    return Check("compiler", "ok", f"programs in {languages} can be judged here")


def _licence(name: str) -> str:
    try:
        manifest = read_manifest(name) if Path(name).is_file() else None
    except ForgeError:
        return ""
    return f", {manifest['license']}" if manifest and manifest.get("license") else ""


def _disk(config: StageConfig) -> Iterator[Check]:
    if config.output_path is None:
        return
    folder = config.output_path.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    enough = free > _ENOUGH_GIB
    yield Check("disk", "ok" if enough else "optional", f"{free:.1f} GiB free", "" if enough else "that is little")


def _output(config: StageConfig) -> Iterator[Check]:
    if output_setting(type(config)) is None:
        return
    check: Callable[[StageConfig], None] = stages.load(config.stage).check_output
    try:
        check(config)
    except ForgeError as error:
        yield Check("output", "missing", str(error))
        return
    yield Check("output", "ok", f"{config.output_path} is free")
