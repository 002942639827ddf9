"""What a result file holds, as far as anybody reads it: a file that was changed or cut is refused before it is used."""

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from haloforge.records import Purpose, is_unicode

_Text = Annotated[str, Field(min_length=1)]
_FileName = Annotated[str, Field(pattern=r"^[^/\x00]+$")]
_Count = Annotated[int, Field(ge=0, le=10**6)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Other keys are of no interest: they come with versions, and nothing is calculated from them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Dataset(_Part):
    sha256: _Text
    file: _Text
    name: str | None = None
    split: str | None = None
    version: str | None = None
    content_sha256: str | None = None
    problems_sha256: str | None = None
    limit: _Count | None = None


class _Model(_Part):
    name: _Text
    path: str | None = None
    base_model: str | None = None
    run: str | None = None
    cycle: int | None = None


class _Decoding(_Part):
    samples: _Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class _Estimate(_Part):
    value: _Share | None
    low: _Share | None = None
    high: _Share | None = None

    @model_validator(mode="after")
    def _has_both_ends(self) -> Self:
        if self.value is not None and (self.low is None or self.high is None):
            raise ValueError("an interval is missing")
        return self


class _Passes(_Part):
    task_id: _Text
    c: _Count


class _Problem(_Passes):
    family: str
    n: _Count

    @model_validator(mode="after")
    def _passes_are_of_the_samples(self) -> Self:
        if self.c > self.n:
            raise ValueError("more passed than there are samples")
        return self


class _Granted(_Part):
    problems: list[_Passes]


class _Coverage(_Part):
    problems: _Count
    scored: _Count


class _Answers(_Part):
    count: _Count
    share: _Share


class _Result(_Part):
    protocol: _Text
    run: str | None = None
    purpose: Purpose = "benchmark"
    cycle: int | None = None
    dataset: _Dataset
    model: _Model
    decoding: _Decoding | None = None
    verifier: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    pass_at_k: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")], _Estimate]
    aliased: _Granted | None = None
    untested_share: _Share = 0.0
    coverage: _Coverage | None = None
    extraction_failures: _Answers | None = None
    truncations: _Answers | None = None
    unscored: _Answers | None = None
    trained_on_test: dict[str, Any] | None = None
    doubts: list[str] = []
    problems: list[_Problem]
    samples_file: _FileName | None = None

    @model_validator(mode="after")
    def _grants_no_more_than_the_samples(self) -> Self:
        samples = {problem.task_id: problem.n for problem in self.problems}
        if any(row.c > samples.get(row.task_id, row.c) for row in (self.aliased.problems if self.aliased else ())):
            raise ValueError("more passed than there are samples")
        return self


def damage(result: Any) -> str:
    """The first place that is not as `benchmark run` writes it, by its path in the file; empty where all is."""
    if not is_unicode(json.dumps(result, ensure_ascii=False)):
        return "half of a character in a text"
    try:
        _Result.model_validate(result)
    except ValidationError as error:
        return ".".join(str(part) for part in error.errors()[0]["loc"] if part != "[key]") or "aliased.problems"
    return ""
