"""What the endpoints answer, as JSON: times are seconds since the epoch, shares lie between 0 and 1."""

from typing import Any, TypedDict


class PhaseLine(TypedDict):
    """How far a phase of a run is; `left_s` is null until its rate is known."""

    name: str
    cycle: int | None
    done: int
    total: int
    left_s: float | None


class RunLine(TypedDict):
    """A run in a list. `figure` is its key result as text, empty while there is none."""

    id: str
    name: str
    stage: str
    status: str
    created: float
    started: float | None
    finished: float | None
    parent: str | None
    output: str | None
    figure: str


class RunDetail(TypedDict):
    """One run in full; `after` is the id of its newest event, from which `list_events` goes on."""

    run: RunLine
    config: dict[str, Any]
    command: str
    yaml: str
    error: str
    stopping: str
    phases: list[PhaseLine]
    cycles: list[dict[str, Any]]
    artifacts: dict[str, str]
    after: int


class EventLine(TypedDict):
    """One thing that a run reported; `data` depends on its kind."""

    id: int
    time: float
    kind: str
    data: dict[str, Any]


class SampleLine(TypedDict):
    """A completion with its verdict; the verdict is null until it is verified, `kept` until its cycle has selected."""

    id: int
    task_id: str
    index: int
    cycle: int
    purpose: str
    text: str
    code: str | None
    finish_reason: str
    verdict: dict[str, Any] | None
    kept: bool | None
    reason: str


class SamplePage(TypedDict):
    """A page of samples, and how many there are over all pages."""

    total: int
    page: int
    page_rows: int
    samples: list[SampleLine]


class ResultLine(TypedDict):
    """Something that can be compared: a benchmark's result, or an evaluated cycle of a RAFT run."""

    key: str
    label: str
    kind: str
    run: str
    cycle: int | None


class SettingLine(TypedDict):
    """One setting of a stage; `name` is the dotted name that `settings` takes."""

    name: str
    flag: str
    type: str
    help: str
    default: Any
    required: bool
    choices: list[str]
    minimum: float | None
    maximum: float | None


class Plan(TypedDict):
    """What a run would do, one line each, and the same run as a command and as YAML. Nothing was done."""

    lines: list[str]
    command: str
    yaml: str


class SourceLine(TypedDict):
    """A dataset that `data-prepare` knows."""

    name: str
    license: str
    rows: int
    languages: list[str]
    splits: list[str]
    purposes: list[str]
    needs_network: bool
    note: str


class DataLine(TypedDict):
    """What there is to train on: problem files, those newest first that have a manifest, and the known datasets."""

    files: list[str]
    sources: list[SourceLine]


class ProblemPage(TypedDict):
    """A page of problems as a problem file holds them, and how many there are over all pages."""

    total: int
    page: int
    page_rows: int
    problems: list[dict[str, Any]]


class Judged(TypedDict):
    """An answer, the code in it (null where there is none), and its verdict."""

    text: str
    code: str | None
    verdict: dict[str, Any]
