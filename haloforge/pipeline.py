"""The whole pipeline as one file: data, benchmark, SFT, RAFT, benchmark, export, each with the outputs of those before.

A section of the file holds what the stage's own YAML may hold, less the paths: a stage reads what the stages before it
wrote, in one folder. A section that is not there is a stage that is not run.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from haloforge import jobs, yaml_text
from haloforge.config import BenchmarkConfig, PrepareConfig, RaftConfig, ReleaseConfig, SftConfig, StageConfig, settings
from haloforge.errors import ConfigError, RunError
from haloforge.files import read_text, write_text
from haloforge.models import EMBEDDED, FINAL_MODEL
from haloforge.nesting import merged, put
from haloforge.problems import SOURCES
from haloforge.records import Run
from haloforge.settings import read_yaml, shortened
from haloforge.store import Store

Section = Mapping[str, Any]
_STAGES: dict[str, type[StageConfig]] = {
    "data": PrepareConfig,
    "test": PrepareConfig,
    "benchmark": BenchmarkConfig,
    "sft": SftConfig,
    "raft": RaftConfig,
    "export": ReleaseConfig,
}
_KEYS = ("model", "output_dir", *_STAGES)
_RECORD = "pipeline.json"


class Step(NamedTuple):
    """One stage of a pipeline: its name there, and its config with the paths filled in."""

    name: str
    config: StageConfig


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline file says. `sections` holds the stages that are run, by name."""

    model: str
    folder: Path
    sections: Mapping[str, Section]

    def steps(self) -> list[Step]:
        """Every stage in the order in which they run. Raises ConfigError for a wrong setting."""
        return [*self._data(), *self._benchmark("before", self.model), *self._training(), *self._after()]

    def configs(self) -> list[StageConfig]:
        """What the steps run, in their order."""
        return [step.config for step in self.steps()]

    def _data(self) -> Iterator[Step]:
        data, test = self.sections.get("data"), self.sections.get("test")
        if data is not None:
            yield self._step("data", "data", {"output": self._train, "purpose": "training"})
        if test is None and data is not None and self._is_benchmarked:
            shared = {key: data[key] for key in ("dataset", "language", "from_file") if key in data}
            linked = {"output": self._test, "purpose": "benchmark", "split": "test"}
            config = PrepareConfig.parse(shared | linked, where="the pipeline's section data")
            if "test" not in SOURCES[config.dataset].splits:
                raise ConfigError(
                    f"{config.dataset} has no test split to benchmark on; add a section test, such as "
                    "test: {dataset: humaneval}"
                )
            yield Step("test", config)
        elif test is not None:
            yield self._step("test", "test", {"output": self._test, "purpose": "benchmark"})

    def _training(self) -> Iterator[Step]:
        start = self.model
        if "sft" in self.sections:
            linked = {
                "model": {"name": start},
                "data": {"train_file": self._train},
                "output_dir": str(self.folder / "sft"),
            }
            step = self._step("sft", "sft", linked)
            yield step
            start = str(_output(step) / FINAL_MODEL)
        if "raft" in self.sections:
            linked = {"sft_checkpoint": start, "prompts": self._train, "output_dir": str(self.folder / "raft")}
            yield self._step("raft", "raft", linked)

    def _after(self) -> Iterator[Step]:
        trained = list(self._training())
        if not trained:
            return
        last = trained[-1]
        model = _output(last) if last.name == "raft" else _output(last) / FINAL_MODEL  # RAFT's folder: its best cycle
        yield from self._benchmark("after", str(model))
        if "export" in self.sections:
            yield self._step("export", "export", {"model": str(model), "output": str(self.folder / "release")})

    def _benchmark(self, when: str, model: str) -> Iterator[Step]:
        if self._is_benchmarked:
            linked = {"model": model, "prompts": self._test, "output": str(self.folder / f"{when}.json")}
            yield self._step(f"benchmark {when}", "benchmark", linked)

    def _step(self, name: str, section: str, linked: Section) -> Step:
        cls = _STAGES[section]
        written = cls.written_out(self.sections[section])
        return Step(name, cls.parse(merged(linked, written), where=f"the pipeline's section {section}"))

    @property
    def _is_benchmarked(self) -> bool:
        return "benchmark" in self.sections

    @property
    def _train(self) -> str:
        return str(self.folder / "train.jsonl")

    @property
    def _test(self) -> str:
        return str(self.folder / "test.jsonl")


def recipes() -> dict[str, Path]:
    """The pipelines of the package: name -> file. The presets of the studio are their settings."""
    found = (Path(str(path)) for path in files("haloforge.recipes").iterdir() if path.name.endswith(".yaml"))
    return {path.stem: path for path in sorted(found)}


def load_pipeline(path: Path, changes: Mapping[str, str]) -> Pipeline:
    """The pipeline of a YAML file, with `changes` ({"raft.num_cycles": "3"}) laid over it. Raises ConfigError."""
    data = dict(read_yaml(path))
    for name, text in changes.items():
        _change(data, name, _value(name, text))
    if unknown := [key for key in data if key not in _KEYS]:
        raise ConfigError(f"{path}: a pipeline has no section {unknown[0]!r}; it has {', '.join(_KEYS)}")
    sections = {}
    for name in _STAGES:
        section = data.get(name, False)
        if section is False:
            continue
        if section is not None and not isinstance(section, Mapping):
            raise ConfigError(f"{path}: the section {name} should hold settings, as in that stage's own YAML")
        sections[name] = section or {}
    if not sections:
        raise ConfigError(f"{path}: there is no stage in it; give sections such as data, sft, raft and benchmark")
    model, folder = data.get("model", EMBEDDED), data.get("output_dir", f"models/{path.stem}")
    if not isinstance(model, str) or not isinstance(folder, str) or not folder.strip():
        raise ConfigError(f"{path}: model and output_dir are texts, a model's name and a folder")
    return Pipeline(model, Path(folder), sections)


def next_run(store: Store, pipeline: Pipeline, step: Step, after: str | None) -> Run | None:
    """The run that does this step: a new one, or the one that an earlier call began; None where it is done.

    Raises RunError where the step was run with other settings.
    """
    known = _recorded(pipeline).get(step.name)
    run = next((run for run in store.runs() if known and run.id == known["run"]), None)
    if known and run:
        if known["config"] != step.config.to_json():
            raise RunError(
                f"the step {step.name} of {pipeline.folder} was run with other settings (run {run.id}); give another "
                "output_dir"
            )
        if run.status == "done":
            output = step.config.output_path
            if output is None or Path(run.cwd, output).exists():
                return None
        elif run.is_resumable:
            return jobs.resume(store, run.id)
        elif not run.is_finished:
            return run
    run = jobs.submit(store, step.config, parent=after, name=f"{pipeline.folder.name}: {step.name}")
    records = _recorded(pipeline) | {step.name: {"run": run.id, "config": step.config.to_json()}}
    write_text(pipeline.folder / _RECORD, json.dumps(records, indent=2))
    return run


def run_of(pipeline: Pipeline, step: Step) -> str | None:
    """The id of the run that does or did this step; None before it began."""
    known = _recorded(pipeline).get(step.name)
    return known["run"] if known else None


def _recorded(pipeline: Pipeline) -> dict[str, Any]:
    path = pipeline.folder / _RECORD
    records = json.loads(read_text(path)) if path.exists() else {}
    assert isinstance(records, dict)
    return records


def _output(step: Step) -> Path:
    assert step.config.output_path is not None, "SFT and RAFT write a folder"
    return step.config.output_path


def _change(data: dict[str, Any], name: str, value: Any) -> None:
    """Lay one value over a pipeline: `model`, `sft.training.num_train_epochs`, or `raft.num_cycles` for short."""
    section, _, path = name.partition(".")
    if not path:
        if section in _KEYS:
            data[section] = value
            return
        raise ConfigError(f"--set {name}: a pipeline has no {section!r}; it has {', '.join(_KEYS)}")
    if section not in _STAGES:
        raise ConfigError(f"--set {name}: a pipeline has no section {section!r}; it has {', '.join(_STAGES)}")
    known = [setting.path for setting in settings(_STAGES[section])]
    found = next((full for full in (path, name) if full in known), None)
    if found is None:
        near = get_close_matches(path, known, 1) or get_close_matches(name, known, 1)
        hint = f"; did you mean {section}.{near[0]}?" if near else ""
        raise ConfigError(f"--set {name}: the stage {section} has no setting {path!r}{hint}")
    written = data.get(section)
    data[section] = _STAGES[section].written_out(written if isinstance(written, Mapping) else {})
    put(data[section], found, value)


def _value(name: str, text: str) -> Any:
    try:
        return yaml_text.load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {name}: {shortened(text)} cannot be read as YAML") from error
