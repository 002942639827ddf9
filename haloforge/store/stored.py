"""What is read of a stored sample: the whole of it, or only the columns that a question needs; rows <-> records."""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from haloforge.records import FinishReason, Purpose, Sample, Status, Verdict, dumps, is_unicode
from haloforge.store.connection import Row


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A sample with its row id, its verdict (None until verified) and why it was kept or not.

    Its token ids and log-probs, which only training reads, are empty here: see StoredTokens.
    """

    id: int
    run: str
    cycle: int
    purpose: Purpose
    sample: Sample
    verdict: Verdict | None
    kept: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VerdictSummary:
    """The part of a verdict that selection and scores count: no diagnostics, no outcome per test."""

    status: Status
    reward: float = 0.0
    forgeable: bool = False
    cpu_s: float = 0.0
    isolation: str = ""

    @property
    def passed(self) -> bool:
        """True only for the status `passed`."""
        return self.status == "passed"


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """A stored sample without its text, code, token ids and log-probs: some 300 bytes in memory, not 20,000.

    `verdict` is None until verified; `kept` is None until its cycle has selected.
    """

    id: int
    cycle: int
    task_id: str
    index: int
    finish_reason: FinishReason
    completion_tokens: int
    verdict: VerdictSummary | None
    prompt_tokens: int = 0
    kept: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredProgram:
    """A sample's summary and its extracted code; `code` is None where nothing could be extracted."""

    sample: SampleSummary
    code: str | None


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """What training needs of a sample: C arrays, four bytes per token, where tuples of numbers take ten times that."""

    id: int
    task_id: str
    prompt_ids: Sequence[int]
    token_ids: Sequence[int]
    logprobs: Sequence[float]


VERDICT_COLUMNS = tuple(field.name for field in fields(Verdict))

SUMMARY_COLUMNS = """s.id, s.cycle, s.task_id, s.idx, s.finish_reason, s.completion_tokens, s.prompt_tokens,
    v.status as v_status, v.reward as v_reward, v.forgeable as v_forgeable, v.cpu_s as v_cpu_s,
    v.isolation as v_isolation, x.kept, x.reason"""

WHOLE_COLUMNS = """s.id, s.run, s.cycle, s.purpose, s.task_id, s.idx, s.text, s.code, s.finish_reason, s.seed,
    s.seconds, s.prompt_tokens, s.completion_tokens, v.status as v_status, v.reward as v_reward,
    v.tests_passed as v_tests_passed, v.tests_total as v_tests_total, v.detail as v_detail,
    v.diagnostics as v_diagnostics, v.cpu_s as v_cpu_s, v.memory_mb as v_memory_mb, v.isolation as v_isolation,
    v.forgeable as v_forgeable, v.tests as v_tests, x.kept, x.reason"""


def sample_row(s: Sample, *, with_tokens: bool = True) -> tuple[Any, ...]:
    """The columns of a sample from task_id to completion_tokens; without token ids, these columns are empty."""
    held = (s.prompt_ids, s.token_ids, s.logprobs) if with_tokens else ((), (), ())
    blobs = (array(code, values).tobytes() for code, values in zip("iif", held, strict=True))
    counts = s.prompt_tokens or len(s.prompt_ids), s.completion_tokens or len(s.token_ids)
    code = None if s.code is None else _storable(s.code)
    return (s.task_id, s.index, _storable(s.text), code, s.finish_reason, s.seed, *blobs, s.seconds, *counts)


def verdict_row(v: Verdict) -> tuple[Any, ...]:
    """The columns of a verdict from status on."""
    return (
        v.status,
        v.reward,
        v.tests_passed,
        v.tests_total,
        _storable(v.detail),
        _storable(v.diagnostics),
        v.cpu_s,
        v.memory_mb,
        v.isolation,
        int(v.forgeable),
        dumps({"tests": v.tests}),
    )


def _storable(text: str) -> str:
    """Half of a surrogate pair, which no database holds, becomes the escape that stands for it."""
    return text if is_unicode(text) else text.encode(errors="backslashreplace").decode()


def to_stored_sample(row: Row) -> StoredSample:
    """From a row of WHOLE_COLUMNS."""
    sample = Sample(
        task_id=row["task_id"],
        index=row["idx"],
        text=row["text"],
        code=row["code"],
        finish_reason=row["finish_reason"],
        seed=row["seed"],
        seconds=row["seconds"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
    )
    verdict = None
    if row["v_status"] is not None:
        columns = {name.removeprefix("v_"): value for name, value in row.items() if name.startswith("v_")}
        verdict = to_verdict(columns)
    kept = None if row["kept"] is None else bool(row["kept"])
    return StoredSample(row["id"], row["run"], row["cycle"], row["purpose"], sample, verdict, kept, row["reason"] or "")


def to_verdict(columns: Row) -> Verdict:
    """From the columns of a verdict, status to tests."""
    tests = tuple(json.loads(columns["tests"])["tests"])
    return Verdict(**(columns | {"forgeable": bool(columns["forgeable"]), "tests": tests}))


def to_summary(row: Row, shared: dict[str, str]) -> SampleSummary:
    """From a row of SUMMARY_COLUMNS. `shared` keeps one copy of each text that repeats from row to row."""

    def one_copy(text: str) -> Any:
        return shared.setdefault(text, text)

    verdict = None
    if row["v_status"] is not None:
        verdict = VerdictSummary(
            one_copy(row["v_status"]),
            row["v_reward"],
            bool(row["v_forgeable"]),
            row["v_cpu_s"],
            one_copy(row["v_isolation"]),
        )
    return SampleSummary(
        id=row["id"],
        cycle=row["cycle"],
        task_id=one_copy(row["task_id"]),
        index=row["idx"],
        finish_reason=one_copy(row["finish_reason"]),
        completion_tokens=row["completion_tokens"],
        verdict=verdict,
        prompt_tokens=row["prompt_tokens"],
        kept=None if row["kept"] is None else bool(row["kept"]),
        reason=one_copy(row["reason"] or ""),
    )


def to_tokens(row: Row, before: StoredTokens | None) -> StoredTokens:
    """From the columns id, task_id, prompt_ids, token_ids, logprobs. A prompt that was the same before is shared."""
    prompt, tokens, logprobs = (
        array(code, row[name])[:]  # a copy has no room to grow, which is 7 % here
        for code, name in zip("iif", ("prompt_ids", "token_ids", "logprobs"), strict=True)
    )
    if before and before.prompt_ids == prompt:
        return StoredTokens(row["id"], row["task_id"], before.prompt_ids, tokens, logprobs)
    return StoredTokens(row["id"], row["task_id"], prompt, tokens, logprobs)
