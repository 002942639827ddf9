"""A finished completion whose tokens are known, as a sample: the same whoever computed it."""

import time

from haloforge.generate.decoding import Ending, Row
from haloforge.generate.engine import SampleRequest
from haloforge.generate.prompts import PromptProtocol
from haloforge.records import Problem, Sample


def to_sample(row: Row, request: SampleRequest, problem: Problem, protocol: PromptProtocol, ending: Ending) -> Sample:
    """The row as a sample of the request; one that never got a token was cut before its first."""
    text = ending.text(row)
    return Sample(
        task_id=problem.task_id,
        index=row.index,
        text=text,
        code=protocol.extract(protocol.prefill + text, problem),
        finish_reason=row.finish_reason or "length",
        seed=request.seed_of(problem, row.index),
        prompt_ids=tuple(row.prompt),
        token_ids=tuple(row.tokens),
        logprobs=tuple(row.logprobs),
        seconds=time.perf_counter() - row.started,
        prompt_tokens=len(row.prompt),
        completion_tokens=len(row.tokens),
    )
