"""The nouns: frozen records that every other module shares. Stdlib only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from haloforge.errors import DataError

TestKind = Literal["asserts", "check", "stdio", "program", "pytest", "none"]
TEST_KINDS: tuple[TestKind, ...] = get_args(TestKind)

Status = Literal[
    "passed",
    "wrong_answer",
    "runtime_error",
    "compile_error",
    "timeout",
    "memory_limit",
    "output_limit",
    "violation",
    "exited_early",
    "no_code",
    "unscored",
]
STATUSES: tuple[Status, ...] = get_args(Status)
TestStatus = Literal["passed", "failed", "not run"]

FinishReason = Literal["stop", "length", "error"]
Purpose = Literal["train", "eval", "benchmark", "data"]
RunStatus = Literal["queued", "running", "done", "failed", "stopped", "interrupted"]
FINISHED: frozenset[RunStatus] = frozenset({"done", "failed", "stopped", "interrupted"})
EventKind = Literal["progress", "metric", "log", "artifact", "error"]

Message = Mapping[str, str]
"""One chat message: {"role": "system" | "user" | "assistant", "content": text}."""


@dataclass(frozen=True, slots=True)
class Case:
    """One stdin/stdout test: the program reads `input` and must write `output`."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Tests:
    """How a problem is judged. Which fields count depends on `kind`; `to_json` is what a problem file holds.

    asserts  `setup`, then every statement of `code` (may be shown to the model) and of `hidden` (never shown)
    check    `code[0]` defines `check(candidate)`
    stdio    `cases`, compared by `compare`: exact, tokens, float:TOLERANCE, or checker (`checker` is its Python source)
    program  `code[0]` is appended to the solution (MultiPL-E, HumanEvalPack)
    pytest   `code[0]` is a test module that imports the solution as `solution`
    none     compiling, and running where asked, is the verdict

    A `checker` defines `def check(input_text: str, output_text: str, expected_text: str) -> bool`: does the program's
    whole output answer the case's input? `expected_text` is one right answer. An exception from it means no. One that
    defines no such function is a script: it is given the names of three files (input, expected, output) as arguments,
    and prints 1 for a right answer.
    """

    __test__ = False  # not a pytest class

    kind: TestKind = "none"
    setup: str = ""
    code: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    compare: str = "tokens"
    checker: str = ""
    time_limit_s: float | None = None
    memory_mb: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The `tests` object of a problem file, without the fields that are at their default."""
        row: dict[str, Any] = {"kind": self.kind}
        if self.setup:
            row["setup"] = self.setup
        if self.kind == "asserts":
            row["code"] = list(self.code)
            if self.hidden:
                row["hidden"] = list(self.hidden)
        elif self.kind == "stdio":
            row["cases"] = [{"input": c.input, "output": c.output} for c in self.cases]
            row["compare"] = self.compare
            if self.checker:
                row["checker"] = self.checker
        elif self.kind != "none":
            row["code"] = self.code[0]
        if self.time_limit_s is not None:
            row["time_limit_s"] = self.time_limit_s
        if self.memory_mb is not None:
            row["memory_mb"] = self.memory_mb
        return row

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "Tests":
        """Raises DataError for an unknown kind or a field of the wrong shape."""
        kind = row.get("kind", "none")
        if kind not in TEST_KINDS:
            raise DataError(f"unknown test kind {kind!r}; use one of {', '.join(TEST_KINDS)}")
        code = row.get("code", ())
        if kind in ("check", "program", "pytest") and not isinstance(code, str):
            raise DataError(f'tests of kind {kind!r} need "code" as one string')
        if kind == "asserts" and (isinstance(code, str) or not all(isinstance(c, str) for c in code)):
            raise DataError('tests of kind "asserts" need "code" as a list of strings')
        if kind == "asserts" and not (code or row.get("hidden")):
            raise DataError('tests of kind "asserts" need at least one assert: without any, every program would pass')
        cases = row.get("cases", ())
        if kind == "stdio" and not (cases and all(map(_is_case, cases))):
            raise DataError('tests of kind "stdio" need "cases", each with "input" and "output" as text')
        time_limit, memory = row.get("time_limit_s"), row.get("memory_mb")
        return Tests(
            kind=kind,
            setup=row.get("setup") or "",
            code=(code,) if isinstance(code, str) else tuple(code),
            hidden=tuple(row.get("hidden", ())),
            cases=tuple(Case(str(c["input"]), str(c["output"])) for c in cases),
            compare=row.get("compare") or "tokens",
            checker=row.get("checker") or "",
            time_limit_s=None if time_limit is None else float(time_limit),
            memory_mb=None if memory is None else int(memory),
        )


def _is_case(case: Any) -> bool:
    """Text or a number on both sides; a list or null would be judged by how Python prints it."""
    return isinstance(case, Mapping) and all(type(case.get(key)) in (str, int, float) for key in ("input", "output"))


@dataclass(frozen=True, slots=True)
class Problem:
    """A task to solve. `prompt` is prose, code to continue (`meta.prompt_is_code`), or a list of chat messages."""

    task_id: str
    prompt: str | tuple[Message, ...]
    language: str = "python"
    tests: Tests = field(default_factory=Tests)
    entry_point: str | None = None
    solution: str | None = None
    source: str = ""
    split: str = ""
    license: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def starter_code(self) -> str:
        """Code that a bare completion continues (HumanEval, MultiPL-E); empty for prose prompts."""
        if self.meta.get("prompt_is_code") and isinstance(self.prompt, str):
            return self.prompt
        return str(self.meta.get("starter_code", ""))

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        """Strings that end a completion of this problem (MultiPL-E's `stop_tokens`)."""
        return tuple(self.meta.get("stop_tokens", ()))

    @property
    def family(self) -> str:
        """Problems of one family stay on one side of a train/test split; the task id where the source names none."""
        return str(self.meta.get("family") or self.task_id)

    @property
    def statement(self) -> str:
        """The prompt as one text."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n\n".join(m["content"] for m in self.prompt)

    def to_json(self) -> dict[str, Any]:
        """One line of a problem file."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["tests"] = self.tests.to_json()
        row["prompt"] = self.prompt if isinstance(self.prompt, str) else [dict(m) for m in self.prompt]
        row["meta"] = dict(self.meta)
        return row

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "Problem":
        """Raises DataError that says what is wrong with the row; the caller adds file and line."""
        task_id, prompt = row.get("task_id"), row.get("prompt")
        if task_id is None:
            raise DataError('"task_id" is missing')
        if isinstance(prompt, list):
            if not all(isinstance(m, Mapping) and {"role", "content"} <= m.keys() for m in prompt):
                raise DataError('"prompt" is a list whose items are not chat messages with "role" and "content"')
            prompt = tuple(dict(m) for m in prompt)
        elif not isinstance(prompt, str) or not prompt.strip():
            raise DataError('"prompt" is missing or empty')
        tests = row.get("tests") or {}
        if not isinstance(tests, Mapping):
            raise DataError('"tests" is not an object')
        return Problem(
            task_id=str(task_id),
            prompt=prompt,
            language=str(row.get("language") or "python"),
            tests=Tests.from_json(tests),
            entry_point=row.get("entry_point") or None,
            solution=row.get("solution") or None,
            source=str(row.get("source") or ""),
            split=str(row.get("split") or ""),
            license=str(row.get("license") or ""),
            meta=dict(row.get("meta") or {}),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion of one problem by one model.

    `code` is None when nothing could be extracted from `text`. `token_ids` are the sampled ids, with the end token
    where one was sampled; `logprobs` (natural log, temperature 1) has the same length, or is empty where an engine
    gives none.
    """

    task_id: str
    index: int
    text: str
    code: str | None
    finish_reason: FinishReason = "stop"
    seed: int = 0
    prompt_ids: tuple[int, ...] = ()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test ended, and for a failed one why."""

    __test__ = False  # not a pytest class

    status: TestStatus
    detail: str = ""

    @property
    def passed(self) -> bool:
        """True only for the status `passed`."""
        return self.status == "passed"

    def to_text(self) -> str:
        """As stored and shown: "passed", "not run", "failed" or "failed: DETAIL"."""
        return f"{self.status}: {self.detail}" if self.detail else self.status

    @staticmethod
    def from_text(text: str) -> "TestOutcome":
        """Inverse of `to_text`; any other text is the detail of a failure."""
        if text == "passed":
            return TestOutcome("passed")
        if text == "not run":
            return TestOutcome("not run")
        return TestOutcome("failed", "" if text == "failed" else text.removeprefix("failed: "))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found. `reward` is in [0, 1]; `tests` holds the text of one `TestOutcome` per test, in order.

    `unscored` means that the verifier's own machinery failed, not the program: such a verdict is excluded from every
    score, never trained on, never cached.
    """

    status: Status
    reward: float = 0.0
    tests_passed: int = 0
    tests_total: int = 0
    detail: str = ""
    diagnostics: str = ""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    isolation: str = ""
    forgeable: bool = False
    tests: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True only for the status `passed`."""
        return self.status == "passed"

    def to_json(self) -> dict[str, Any]:
        """Every field, as plain values."""
        return asdict(self) | {"tests": list(self.tests)}

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "Verdict":
        """Inverse of `to_json`; unknown keys are ignored."""
        known = {f.name: row[f.name] for f in fields(Verdict) if f.name in row}
        return Verdict(**(known | {"tests": tuple(known.get("tests", ()))}))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that can generate: a folder or Hub id, the base model it rests on, and where it came from.

    `revision` is the commit of a checkpoint from the Hub, `base_revision` that of a base model from the Hub; empty for
    others, and where nothing of it was fetched yet.
    """

    path: str
    base_model: str
    is_adapter: bool
    parent: str = ""
    run: str = ""
    cycle: int | None = None
    revision: str = ""
    base_revision: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a stage. `tags` are words with a space between them, `notes` a text of the user's own.

    Times are seconds since the epoch; relative paths in `config` start at `cwd`; `stop` is how the user
    asked it to stop: "", cycle, now or kill.
    """

    id: str
    stage: str
    status: RunStatus
    config: Mapping[str, Any]
    created: float
    started: float | None = None
    finished: float | None = None
    parent: str | None = None
    pid: int | None = None
    cwd: str = ""
    stop: str = ""
    name: str = ""
    tags: str = ""
    notes: str = ""

    @property
    def is_finished(self) -> bool:
        """True when nothing works on it any more; `stopped` and `interrupted` can be resumed."""
        return self.status in FINISHED

    @property
    def is_resumable(self) -> bool:
        """True when it ended before its work did."""
        return self.status in ("stopped", "interrupted", "failed")


@dataclass(frozen=True, slots=True)
class Event:
    """One row that a run reported; `id` grows with time over all runs."""

    id: int
    run: str
    time: float
    kind: EventKind
    data: Mapping[str, Any]


class Reporter(Protocol):
    """Through what long work reports on its run and learns that it should stop; `store.Report` stores it."""

    run_id: str

    @property
    def folder(self) -> Path:
        """The run's own folder, for what only this run needs."""

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        """Where the work stands."""

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        """Numbers at a step of one series."""

    def log(self, text: str) -> None:
        """A line for people to read."""

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """True when the user asked to stop now, or (`at_cycle_end`) after this cycle."""


def dumps(row: Mapping[str, Any]) -> str:
    """One JSON line, without its end: UTF-8, with ASCII escapes only where half a surrogate pair needs them."""
    line = json.dumps(row, ensure_ascii=False)
    return line if is_unicode(line) else json.dumps(row)


def is_unicode(text: str) -> bool:
    """False for text with half of a surrogate pair in it, which JSON can hold as an escape and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
