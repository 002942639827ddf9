"""Every setting of every stage, once. YAML keys, CLI flags, GUI fields and the stored config all derive from here."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from haloforge.errors import ConfigError

VerifierName = Literal["auto", "python", "gcc", "clang", "mingw", "rust", "go", "custom"]
DatasetName = Literal[
    "starter-easy",
    "starter",
    "mbpp",
    "humaneval",
    "mbpp_plus",
    "humaneval_plus",
    "codeforces_cpp",
    "multipl_e",
    "humanevalpack",
    "opc_educational",
    "acecode",
    "codealpaca",
]
Backend = Literal["local", "ollama", "openai", "anthropic"]


def setting(default: Any = ..., *, flag: str = "", advanced: bool = False, kind: str = "", **bounds: Any) -> Any:
    """A field with its bounds, its CLI flag (the key itself unless given) and its place in a form.

    `kind` tells a form what the text names: "file", "folder", "model" or "problems".
    """
    return Field(default, json_schema_extra={"flag": flag, "advanced": advanced, "kind": kind}, **bounds)


def _split_commas(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


Ints = Annotated[tuple[int, ...], BeforeValidator(_split_commas)]
Words = Annotated[tuple[str, ...], BeforeValidator(lambda v: v.split() if isinstance(v, str) else v)]


class Section(BaseModel):
    """A group of settings: frozen, strict about unknown keys, documented by attribute docstrings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class StageConfig(Section):
    """Base of the stage configs."""

    stage: ClassVar[str]

    @classmethod
    def load(cls, path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Self:
        """Defaults, then the YAML file, then `overrides` ({"training.learning_rate": 2e-5}). Raises ConfigError."""
        data = read_yaml(path) if path else {}
        for key, value in (overrides or {}).items():
            _put(data, key, value)
        return cls.parse(data, where=str(path) if path else "")

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str = "") -> Self:
        """Validate nested plain data. Raises ConfigError that names every wrong key in one sentence."""
        try:
            return cls.model_validate(data)
        except ValidationError as e:
            problems = "; ".join(_explain(cls, error) for error in e.errors())
            raise ConfigError(f"{where}: {problems}" if where else problems) from e

    def to_yaml(self) -> str:
        """YAML that `load` reads back to the same config; only what differs from the defaults, and what is required."""
        return yaml.safe_dump(_changed(self), sort_keys=False, allow_unicode=True)

    def to_json(self) -> dict[str, Any]:
        """The whole config as plain values, as stored with a run."""
        return self.model_dump(mode="json")


class ModelSection(Section):
    """Which model to start from."""

    name: str = setting(flag="model", kind="model")
    """Hub id, local folder (full model or LoRA adapter), or smollm2-135m (embedded, works without network)."""


class SftData(Section):
    """What to learn from."""

    train_file: str = setting(flag="data", kind="file")
    """JSONL of problems with solutions, messages, prompt+completion, prompt+response, or text."""
    max_seq_length: int = setting(2048, ge=16, le=131072)
    """Longest training row in tokens; a longer row is left out and counted, never cut."""
    validation_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL to evaluate on; without it a share of the training rows is held out."""
    validation_split: float = setting(0.05, ge=0, lt=1)
    """Share of the training problem families held out for evaluation when there is no validation file."""
    max_samples: int | None = setting(None, ge=1, advanced=True)
    """Use only the first rows of the file."""


class SftTraining(Section):
    """How to learn it."""

    num_train_epochs: float = setting(3, flag="epochs", gt=0, le=100)
    """Passes over the training rows."""
    per_device_train_batch_size: int = setting(2, flag="batch-size", ge=1, le=1024)
    """Rows per step and device."""
    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(2e-4, gt=0, le=1)
    """Peak learning rate (cosine decay)."""
    warmup_ratio: float = setting(0.03, ge=0, lt=1, advanced=True)
    """Share of the steps that the learning rate rises."""
    weight_decay: float = setting(0.01, ge=0, le=1, advanced=True)
    """AdamW weight decay."""
    max_grad_norm: float = setting(1.0, gt=0, advanced=True)
    """Gradients are clipped to this norm."""
    bf16: bool = setting(True)
    """Train in bfloat16 where a GPU supports it; a CPU always trains in float32."""
    gradient_checkpointing: bool = setting(True)
    """Trade time for memory on a GPU; off on a CPU."""
    save_steps: int = setting(200, ge=1, advanced=True)
    """Optimizer steps between checkpoints that a stopped run resumes from."""
    eval_steps: int = setting(100, ge=1, advanced=True)
    """Optimizer steps between evaluations on the held-out rows."""
    early_stopping_patience: int = setting(5, ge=0, advanced=True)
    """Evaluations without improvement before training stops; 0 never stops early."""


class LoraSection(Section):
    """The adapter that is trained. Ignored when the starting checkpoint already is an adapter: that one goes on."""

    r: int = setting(16, flag="lora-rank", ge=1, le=1024)
    """Rank of the adapter matrices."""
    alpha: int = setting(32, flag="lora-alpha", ge=1, le=4096)
    """Scale of the adapter (alpha / r multiplies its output)."""
    dropout: float = setting(0.05, flag="lora-dropout", ge=0, lt=1)
    """Dropout inside the adapter."""


class SftConfig(StageConfig):
    """Fine-tune a model on solved problems: LoRA, loss on the completion only."""

    stage: ClassVar[str] = "sft"
    model: ModelSection
    data: SftData
    output_dir: str = setting("models/sft", flag="output", kind="folder")
    """Folder that receives final_model."""
    training: SftTraining = SftTraining()
    lora: LoraSection = LoraSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the row order, the held-out split and the adapter's start."""


class VerifierSection(Section):
    """How code is judged."""

    type: VerifierName = setting("auto", flag="verifier")
    """auto picks by each problem's language; gcc and clang compile C and C++; custom runs your own command."""
    run_after_compile: bool = setting(False)
    """Also run programs that have no tests: a clean exit is worth 0.7 instead of 0.5."""
    reward: Literal["graded", "binary"] = setting("graded")
    """graded: 0 no compile, 0.3 warnings, 0.5 compiles, 0.7 runs, 1.0 passes; binary: 1.0 only for passed."""
    partial: bool = setting(False, flag="partial-reward", advanced=True)
    """Between 0.7 and 1.0 by the share of tests passed."""
    time_limit_s: float = setting(10.0, gt=0, le=600, advanced=True)
    """CPU seconds per test run, where the problem names none."""
    memory_mb: int = setting(1024, ge=64, le=65536, advanced=True)
    """Memory of the judged program, where the problem names none."""
    workers: int | None = setting(None, ge=1, le=256, advanced=True)
    """Parallel verifications; by default one per usable core."""
    command: Words = setting((), flag="verifier-command", advanced=True)
    """custom only: the program and its arguments; {file} stands for the code. Exit code 0 passes."""
    allow_unsafe: bool = setting(False, advanced=True)
    """Run model-written code even where this machine offers no sandbox."""


class RaftLoop(Section):
    """The loop: sample, verify, keep the best, fine-tune, repeat."""

    num_cycles: int = setting(3, flag="cycles", ge=1, le=100)
    """How many times to sample, verify, select and train."""
    samples_per_prompt: int = setting(8, ge=1, le=1024)
    """Completions sampled for every problem in every cycle."""
    reward_threshold: float = setting(0.5, ge=0, le=1)
    """Nothing below this reward is ever trained on."""
    keep_top_percent: float = setting(0.5, flag="keep-percent", gt=0, le=1)
    """Share of each problem's eligible samples that is kept, best first."""
    max_per_prompt: int = setting(4, ge=1, le=1024)
    """At most this many samples of one problem are trained on in a cycle."""
    keep_partial: bool = setting(False, advanced=True)
    """Also keep samples that fail some tests but reach the threshold."""
    lr_decay_per_cycle: float = setting(0.85, flag="lr-decay", gt=0, le=1, advanced=True)
    """Learning rate of cycle c is learning_rate times this to the power c - 1."""
    start: Literal["continue", "restart"] = setting("continue", advanced=True)
    """continue: every cycle trains the last adapter on; restart: from the first checkpoint, on all kept samples."""
    min_kept: int = setting(1, ge=1, advanced=True)
    """A cycle that keeps fewer samples than this does not train, and the run says so and ends."""
    patience: int = setting(0, ge=0, advanced=True)
    """Cycles without a better held-out pass@1 before the run ends; 0 runs them all."""


class SamplingSection(Section):
    """How completions are sampled."""

    max_new_tokens: int = setting(1024, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    temperature: float = setting(0.7, ge=0, le=2)
    """Sampling temperature; 0 is greedy."""
    top_p: float = setting(0.95, gt=0, le=1, advanced=True)
    """Sample from the smallest set of tokens with this much probability."""
    batch_size: int = setting(4, flag="generation-batch-size", ge=1, le=4096)
    """Problems sampled together; a stopped run resumes after its last whole batch."""


class BenchmarkSampling(SamplingSection):
    """How completions are sampled."""

    max_new_tokens: int = setting(512, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    batch_size: int = setting(16, flag="generation-batch-size", ge=1, le=4096)
    """Problems sampled together; a stopped run resumes after its last whole batch."""


class RaftTraining(Section):
    """How every cycle trains on what it kept."""

    epochs: float = setting(1, gt=0, le=20)
    """Passes over the kept samples."""
    batch_size: int = setting(2, ge=1, le=1024)
    """Samples per step."""
    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(5e-5, gt=0, le=1)
    """Peak learning rate of the first cycle."""
    bf16: bool = setting(True, advanced=True)
    """Train in bfloat16 where a GPU supports it; a CPU always trains in float32."""
    gradient_checkpointing: bool = setting(True, advanced=True)
    """Trade time for memory on a GPU; off on a CPU."""
    max_grad_norm: float = setting(1.0, gt=0, advanced=True)
    """Gradients are clipped to this norm."""


class EvaluationSection(Section):
    """Held-out problems that judge every cycle and are never trained on."""

    prompts: str | None = setting(None, flag="eval-prompts", kind="problems")
    """JSONL of held-out problems; without it a share of the problem families is held out."""
    holdout: float = setting(0.2, ge=0, lt=1)
    """Share of the problem families held out when no file is given; 0 evaluates nothing."""
    samples_per_prompt: int = setting(4, flag="eval-samples", ge=1, le=1024)
    """Completions per held-out problem in every evaluation."""
    limit: int | None = setting(None, flag="eval-limit", ge=1, advanced=True)
    """Evaluate on at most this many problems."""


class RaftConfig(StageConfig):
    """Reward-ranked fine-tuning: sample N completions per problem, verify each, train on the best, repeat."""

    stage: ClassVar[str] = "raft"
    sft_checkpoint: str = setting("models/sft/final_model", flag="checkpoint", kind="model")
    """Checkpoint to start from: a folder, smollm2-135m, or a Hub id."""
    output_dir: str = setting("models/raft", flag="output", kind="folder")
    """Folder that receives cycle_N/final_model for every cycle."""
    prompts: str = setting(kind="problems")
    """JSONL of problems, or prepared data."""
    raft: RaftLoop = RaftLoop()
    generation: SamplingSection = SamplingSection()
    training: RaftTraining = RaftTraining()
    lora: LoraSection = LoraSection()
    verifier: VerifierSection = VerifierSection()
    evaluation: EvaluationSection = EvaluationSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Every random choice of the run derives from it."""


class BenchmarkConfig(StageConfig):
    """Sample n completions per problem and estimate pass@k, with an interval over problems."""

    stage: ClassVar[str] = "benchmark"
    model: str = setting(kind="model")
    """Checkpoint to judge: a folder, smollm2-135m, or a Hub id."""
    prompts: str = setting(kind="problems")
    """JSONL of problems; original HumanEval and MBPP files are read as they are."""
    output: str = setting("results/benchmark.json", kind="file")
    """Result file; the samples are written beside it."""
    samples: int = setting(10, ge=1, le=1024)
    """Completions per problem (n)."""
    k: Ints = setting((1,))
    """The k of pass@k, with commas; none may exceed the number of samples."""
    limit: int | None = setting(None, ge=1)
    """Use only the first problems of the file (the result says so)."""
    generation: BenchmarkSampling = BenchmarkSampling()
    verifier: VerifierSection = VerifierSection()
    seed: int = setting(1234, ge=0, advanced=True)
    """Every random choice of the run derives from it."""

    @model_validator(mode="after")
    def _k_fits_samples(self) -> Self:
        too_large = [k for k in self.k if k > self.samples or k < 1]
        if too_large:
            raise ValueError(
                f"pass@{too_large[0]} cannot be estimated from {self.samples} samples per problem: "
                f"give --samples {max(max(self.k), 1)} or more, or a k between 1 and {self.samples}"
            )
        return self


class PrepareConfig(StageConfig):
    """Turn a dataset into a problem file, checked and with a manifest."""

    stage: ClassVar[str] = "data-prepare"
    dataset: DatasetName = setting("starter-easy")
    """Where the problems come from."""
    output: str = setting(kind="file")
    """JSONL file to write; a manifest is written beside it."""
    split: str | None = setting(None)
    """train, validation or test; by default the split meant for training where there is one."""
    limit: int | None = setting(None, ge=1)
    """Keep only the first problems."""
    language: str | None = setting(None)
    """Keep only problems in this language."""
    from_file: str | None = setting(None, flag="from", kind="file")
    """Read this file in the dataset's original format instead of asking the Hub."""
    for_training: bool = setting(True, advanced=True)
    """The file is meant to be trained on: benchmark test splits are refused and contaminated rows dropped."""
    check_solutions: bool = setting(False, advanced=True)
    """Run every reference solution against its own tests and drop the problems that fail."""


class GenerateConfig(StageConfig):
    """Let a model answer prompts, and write its answers as training data."""

    stage: ClassVar[str] = "data-generate"
    prompts: str = setting(kind="file")
    """Text file with one prompt a line, or a JSONL of problems."""
    backend: Backend = setting("local")
    """local (transformers), ollama, openai (any compatible server) or anthropic; keys come from the environment."""
    model: str = setting(kind="model")
    """Model name as the backend knows it."""
    output: str = setting("data/generated.jsonl", kind="file")
    """JSONL file to write; an interrupted run goes on where it was."""
    samples: int = setting(1, ge=1, le=1024)
    """Answers per prompt."""
    base_url: str | None = setting(None)
    """Address of the server, where it is not the backend's usual one."""
    system_prompt: str | None = setting(None, advanced=True)
    """Put before every prompt as the system message."""
    concurrency: int = setting(8, ge=1, le=256, advanced=True)
    """Requests in flight at once (servers only)."""
    generation: SamplingSection = SamplingSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the sampling, where the backend takes one."""


class VerifyConfig(StageConfig):
    """Verify samples against the tests of their problems."""

    stage: ClassVar[str] = "verify"
    problems: str = setting(kind="problems")
    """Problem file, in our format or an original one."""
    samples: str = setting(kind="file")
    """JSONL with task_id and completion or solution."""
    output: str = setting(kind="file")
    """JSONL to write: the input rows, with verdicts."""
    verifier: VerifierSection = VerifierSection()


class ValidateConfig(StageConfig):
    """Check a problem file, and its reference solutions against their own tests."""

    stage: ClassVar[str] = "data-validate"
    run_solutions: bool = setting(True)
    """Run every reference solution against its own tests."""
    verifier: VerifierSection = VerifierSection()


STAGES: dict[str, type[StageConfig]] = {
    c.stage: c for c in (PrepareConfig, GenerateConfig, SftConfig, RaftConfig, BenchmarkConfig)
}


@dataclass(frozen=True)
class Setting:
    """One leaf of a stage config, as a command line or a form needs it. `path` is dotted: training.learning_rate."""

    path: str
    flag: str
    type: type
    default: Any
    required: bool
    optional: bool
    help: str
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    advanced: bool
    kind: str


def settings(cls: type[StageConfig]) -> list[Setting]:
    """Every leaf setting of a stage, in order of declaration."""
    return list(_leaves(cls, ""))


def values(config: StageConfig) -> dict[str, Any]:
    """Dotted path -> value, for every leaf setting."""
    flat: dict[str, Any] = {}
    for s in settings(type(config)):
        node: Any = config
        for part in s.path.split("."):
            node = getattr(node, part)
        flat[s.path] = node
    return flat


def command(config: StageConfig) -> list[str]:
    """The command line that starts this config: only the flags that differ from the defaults."""
    words = ["halo-forge", *_COMMANDS[config.stage]]
    now = values(config)
    for s in settings(type(config)):
        value = now[s.path]
        if not s.required and value == s.default:
            continue
        if s.type is bool:
            words.append(f"--{s.flag}" if value else f"--no-{s.flag}")
        elif value is not None:
            joiner = "," if s.type is tuple and s.path == "k" else " "
            words += [f"--{s.flag}", joiner.join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return words


_COMMANDS = {
    "data-prepare": ["data", "prepare"],
    "data-generate": ["data", "generate"],
    "sft": ["sft", "train"],
    "raft": ["raft", "train"],
    "benchmark": ["benchmark", "run"],
}


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is {}. Raises ConfigError with file and line."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise ConfigError(f"{path}: there is no such file; give the path of a YAML file") from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read as a YAML file ({e})") from e
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: this is not valid YAML; check indentation and colons there") from e
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, this file holds a {type(data).__name__}")
    return data


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for part in parents:
        node = data.get(part)
        if not isinstance(node, dict):
            node = data[part] = {}
        data = node
    data[leaf] = value


def _leaves(cls: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for name, field in cls.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield _leaf(prefix + name, field)


def _leaf(path: str, field: FieldInfo) -> Setting:
    extra: Any = field.json_schema_extra or {}
    annotation, optional = field.annotation, False
    if get_origin(annotation) in (Union, UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        annotation, optional = members[0], len(members) < len(get_args(annotation))
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    kind = str if choices else get_origin(annotation) or annotation
    low, high = _bound(field, "ge", "gt"), _bound(field, "le", "lt")
    return Setting(
        path=path,
        flag=extra.get("flag") or path.split(".")[-1].replace("_", "-"),
        type=kind,  # type: ignore[arg-type]
        default=None if field.is_required() else field.default,
        required=field.is_required(),
        optional=optional,
        help=field.description or "",
        choices=tuple(choices),
        minimum=low,
        maximum=high,
        advanced=bool(extra.get("advanced")),
        kind=extra.get("kind", ""),
    )


def _bound(field: FieldInfo, *names: str) -> float | None:
    for constraint in field.metadata:
        for name in names:
            value = getattr(constraint, name, None)
            if value is not None:
                return float(value)
    return None


def _changed(section: Section) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            inner = _changed(value)
            if inner:
                out[name] = inner
        elif field.is_required() or value != field.default:
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def _explain(cls: type[StageConfig], error: Any) -> str:
    loc = [str(part) for part in error["loc"]]
    path = ".".join(loc)
    known = {s.path: s for s in settings(cls)}
    if error["type"] == "extra_forbidden":
        near = _nearest(loc[-1], path, list(known))
        return f"there is no setting {path!r}" + (f"; did you mean {near!r}?" if near else "")
    if error["type"] == "missing":
        here = [s for p, s in known.items() if p == path or p.startswith(path + ".")]
        wanted = next((s for s in here if s.required), here[0])
        return f"{wanted.path} is missing: give --{wanted.flag}, or {wanted.path} in a YAML file"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    given = f" (not {error['input']!r})" if not isinstance(error["input"], dict) else ""
    message = error["msg"].replace("Input should be", "should be", 1)
    if known.get(path) and known[path].choices and isinstance(error["input"], str):
        near = _nearest(error["input"], error["input"], list(known[path].choices))
        message += f"; did you mean {near!r}?" if near else ""
    return f"{path} {message}{given}"


def _nearest(word: str, path: str, known: list[str]) -> str | None:
    """The known path closest to a mistyped one: the same place first, then the same last word anywhere."""
    by_leaf = {k.split(".")[-1]: k for k in reversed(known)}
    for candidates, asked in ((known, path), (list(by_leaf), word)):
        found = difflib.get_close_matches(asked, candidates, n=1, cutoff=0.6)
        if found:
            return by_leaf.get(found[0], found[0])
    return None
