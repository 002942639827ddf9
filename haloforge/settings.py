"""The machinery of settings: from one pydantic class come YAML, flags, forms and the stored config."""

import difflib
import functools
import inspect
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticKnownError, core_schema

from haloforge import yaml_text
from haloforge.errors import ConfigError
from haloforge.nesting import put
from haloforge.python_source import texts_under_names

AUTO: Literal["auto"] = "auto"
"""In the place of a number: the stage finds it itself."""


def setting(
    default: Any = ...,
    *,
    flag: str = "",
    advanced: bool = False,
    kind: str = "",
    is_output: bool = False,
    **bounds: Any,
) -> Any:
    """A field with its bounds, its CLI flag (the key itself unless given) and its place in a form.

    `kind` tells a form what the text names: "file", "folder", "model" or "problems". `is_output` marks the file or
    folder that the stage writes; a stage has at most one.
    """
    extra: Any = {"flag": flag, "advanced": advanced, "kind": kind, "is_output": is_output}
    return Field(default, json_schema_extra=extra, **bounds)


def _split_commas(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [value] if isinstance(value, int) else value


def _read_groups(value: Any) -> Any:
    try:
        groups = yaml_text.load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        groups = value
    if not isinstance(groups, list | tuple) or not all(isinstance(group, Mapping | None) for group in groups):
        raise ValueError("give a list of groups, such as [{reward_threshold: 0.3}, {}]")
    return [group or {} for group in groups]


_MOST_COMPLAINTS, _MOST_SHOWN = 10, 200
"""Of one error: what is wrong, and characters of a value."""
_MOST_PATH_BYTES, _MOST_NAME_BYTES = 4095, 255
"""Of a path and of each of its parts on Linux."""


@dataclass(frozen=True)
class OneOf:
    """A text out of the names of a registry, which is asked at each use: `Annotated[str, OneOf(verifiers)]`."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        *others, last = map(repr, self.names())
        if not isinstance(value, str) or value not in self.names():
            raise PydanticKnownError("literal_error", {"expected": f"{', '.join(others)} or {last}"})
        return value


@dataclass(frozen=True)
class OrAuto:
    """A whole number from `ge` to `le`, or the word auto: `Annotated[int | Literal["auto"], OrAuto(1, 1024)]`."""

    ge: int
    le: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        number = core_schema.int_schema(ge=self.ge, le=self.le)
        as_it_is = core_schema.plain_serializer_function_ser_schema(lambda value: value)
        return core_schema.no_info_wrap_validator_function(self._read, number, serialization=as_it_is)

    @staticmethod
    def _read(value: Any, read_number: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return AUTO if value == AUTO else read_number(value)


Ints = Annotated[tuple[int, ...], BeforeValidator(_split_commas)]
"""Numbers; as text with commas between them."""
Names = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
"""Names without spaces; as text with commas or spaces between them."""
Trackers = Annotated[tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...], BeforeValidator(_split_commas)]
"""Names of trackers; as text with commas or spaces between them."""
Words = Annotated[tuple[str, ...], BeforeValidator(lambda v: shlex.split(v) if isinstance(v, str) else v)]
"""Words; as text quoted as for a shell."""
Groups = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_read_groups)]
"""Groups of settings, of which any may be empty; as text YAML in one line."""


class Section(BaseModel):
    """A group of settings: frozen, strict about unknown keys, documented by attribute docstrings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_groups_are_default(cls, data: Any) -> Any:
        """A group whose every line is commented out is null in YAML."""
        if not isinstance(data, Mapping):
            return data
        return {key: {} if value is None and _is_group(cls, key) else value for key, value in data.items()}


def _refuse_impossible_names(config: "StageConfig") -> None:
    """Raises ConfigError for a name that no file can have: every look at it would raise something else."""
    current = values(config)
    for s in settings(type(config)):
        text = current[s.path]
        if not s.kind or not isinstance(text, str):
            continue
        if "\0" in text:
            raise ConfigError(f"{s.path} holds a zero byte, which no name can")
        path = text.encode(errors="surrogatepass")  # a name typed in another encoding holds half characters
        if len(path) > _MOST_PATH_BYTES or any(len(name) > _MOST_NAME_BYTES for name in path.split(b"/")):
            raise ConfigError(f"{s.path} is too long for a file name: {text[:40]}... has {len(text)} characters")


def _is_group(cls: type[BaseModel], key: str) -> bool:
    field = cls.model_fields.get(key)
    return field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Section)


class StageConfig(Section):
    """Base of the stage configs."""

    stage: ClassVar[str]
    command: ClassVar[tuple[str, ...]]

    @classmethod
    def load(cls, path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Self:
        """Defaults, then the YAML file, then `overrides` ({"training.learning_rate": 2e-5}). Raises ConfigError."""
        data = cls.written_out(read_yaml(path)) if path else {}
        for key, value in (overrides or {}).items():
            put(data, key, value)
        return cls.parse(data, where=str(path) if path else "")

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str = "") -> Self:
        """Validate nested plain data. Raises ConfigError that names every wrong key in one sentence."""
        try:
            config = cls.model_validate(cls.written_out(data))
        except ValidationError as e:
            shown = [_explain(cls, error) for error in e.errors()[:_MOST_COMPLAINTS]]
            more = e.error_count() - len(shown)
            problems = "; ".join(shown) + (f"; and {more:,} more" if more else "")
            raise ConfigError(f"{where}: {problems}" if where else problems) from e
        _refuse_impossible_names(config)
        return config

    @classmethod
    def written_out(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Nested plain data with its short forms in full, for a stage that has some."""
        return dict(data)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """This config with other values for some settings ({"raft.reward_threshold": 0.7}). Raises ConfigError."""
        data = self.to_json()
        for path, value in changes.items():
            put(data, path, value)
        return self.parse(data)

    @property
    def output_path(self) -> Path | None:
        """The file or folder that this stage writes, as it is configured; None for a stage that writes none."""
        marked = output_setting(type(self))
        return Path(values(self)[marked.path]) if marked else None

    def to_yaml(self) -> str:
        """YAML that `load` reads back to the same config; only what differs from the defaults, and what is required."""
        return yaml.safe_dump(_changed(self), sort_keys=False, allow_unicode=True)

    def to_json(self) -> dict[str, Any]:
        """The whole config as plain values, as stored with a run."""
        return self.model_dump(mode="json")


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
    takes_auto: bool
    minimum: float | None
    maximum: float | None
    advanced: bool
    kind: str
    is_output: bool


def settings(cls: type[StageConfig]) -> list[Setting]:
    """Every leaf setting of a stage, in order of declaration."""
    return list(_leaves(cls, ""))


def output_setting(cls: type[StageConfig]) -> Setting | None:
    """The setting that names what the stage writes, a file or a folder by its `kind`; None for a stage without one."""
    return next((s for s in settings(cls) if s.is_output), None)


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
    words = ["halo-forge", *config.command]
    current = values(config)
    for s in settings(type(config)):
        value = current[s.path]
        if not s.required and value == s.default:
            continue
        if s.type is bool:
            words.append(f"--{s.flag}" if value else f"--no-{s.flag}")
        elif value is not None:
            words += [f"--{s.flag}", as_text(value)]
    return words


def as_text(value: Any) -> str:
    """A value as typed on a command line: numbers with commas, words quoted where they hold spaces, groups as YAML."""
    if not isinstance(value, tuple | list):
        return str(value)
    if any(isinstance(item, Mapping) for item in value):
        return yaml.safe_dump(list(value), default_flow_style=True, sort_keys=False, width=10_000).strip()
    return shlex.join(value) if all(isinstance(item, str) for item in value) else ",".join(map(str, value))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is {}. Raises ConfigError with file and line."""
    try:
        data = yaml_text.load_config(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as e:
        raise ConfigError(f"{path}: there is no such file; give the path of a YAML file") from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read as a YAML file ({e})") from e
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, this file holds a {type(data).__name__}")
    return data


def _leaves(cls: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for name, field in cls.model_fields.items():
        if _is_group(cls, name):
            yield from _leaves(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield _leaf(prefix + name, field, _docstrings(cls).get(name, ""))


@functools.cache
def _docstrings(cls: type[BaseModel]) -> dict[str, str]:
    """What stands under each setting of a section. pydantic would read it for every class at each start."""
    sections = [base for base in reversed(cls.__mro__) if issubclass(base, Section)]
    sources = (textwrap.dedent(inspect.getsource(section)) for section in sections)
    return {name: text for source in sources for name, text in texts_under_names(source).items()}


def _leaf(path: str, field: FieldInfo, text: str) -> Setting:
    extra: Any = field.json_schema_extra or {}
    annotation, optional = field.annotation, False
    if get_origin(annotation) in (Union, UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        annotation, optional = members[0], len(members) < len(get_args(annotation))
    choices = get_args(annotation) if get_origin(annotation) is Literal else _registered(field)
    kind = str if choices else get_origin(annotation) or annotation
    low, high = _bound(field, "ge", "gt"), _bound(field, "le", "lt")
    return Setting(
        path=path,
        flag=extra.get("flag") or path.split(".")[-1].replace("_", "-"),
        type=kind,  # type: ignore[arg-type]
        default=None if field.is_required() else field.default,
        required=field.is_required(),
        optional=optional,
        help=text,
        choices=tuple(choices),
        takes_auto=any(isinstance(marker, OrAuto) for marker in field.metadata),
        minimum=low,
        maximum=high,
        advanced=bool(extra.get("advanced")),
        kind=extra.get("kind", ""),
        is_output=bool(extra.get("is_output")),
    )


def _registered(field: FieldInfo) -> tuple[str, ...]:
    """The names that a setting may take, where a registry holds them."""
    return tuple(name for marker in field.metadata if isinstance(marker, OneOf) for name in marker.names())


def _bound(field: FieldInfo, *names: str) -> float | None:
    for constraint in field.metadata:
        for name in names:
            value = getattr(constraint, name, None)
            if value is not None:
                return float(value)
    return None


def _changed(section: Section) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            if inner := _changed(value):
                changes[name] = inner
        elif field.is_required() or value != field.default:
            changes[name] = list(value) if isinstance(value, tuple) else value
    return changes


def _explain(cls: type[StageConfig], error: Any) -> str:
    loc = [str(part) for part in error["loc"]]
    path = ".".join(loc)
    known = {s.path: s for s in settings(cls)}
    if error["type"] == "extra_forbidden":
        near = _nearest(loc[-1], path, list(known))
        return f"there is no setting {path!r}" + (f"; did you mean {near!r}?" if near else "")
    if error["type"] == "missing":
        inside = [s for p, s in known.items() if p == path or p.startswith(path + ".")]
        missing = next((s for s in inside if s.required), inside[0])
        return f"{missing.path} is missing: give --{missing.flag}, or {missing.path} in a YAML file"
    if error["type"] == "value_error":
        reason = str(error["ctx"]["error"])
        return f"{path} cannot be read: {reason}" if path else reason
    if error["type"] == "model_type":
        first = next(p for p in known if p.startswith(path + "."))
        return f"{path} should be a group of settings such as {first}, not {shortened(error['input'])}"
    given = f" (not {shortened(error['input'])})" if not isinstance(error["input"], dict) else ""
    message = error["msg"].replace("Input should be", "should be", 1)
    if known.get(path) and known[path].takes_auto:
        message += ", or auto"
    if known.get(path) and known[path].choices and isinstance(error["input"], str):
        near = _nearest(error["input"], error["input"], list(known[path].choices))
        message += f"; did you mean {near!r}?" if near else ""
    return f"{path} {message}{given}"


def shortened(value: Any) -> str:
    """A value as it was given, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _nearest(word: str, path: str, known: list[str]) -> str | None:
    """The known path closest to a mistyped one: the same place first, then the same last word anywhere."""
    by_leaf = {k.split(".")[-1]: k for k in reversed(known)}
    for candidates, asked in ((known, path), (list(by_leaf), word)):
        matches = difflib.get_close_matches(asked, candidates, n=1, cutoff=0.6)
        if matches:
            return by_leaf.get(matches[0], matches[0])
    return None
