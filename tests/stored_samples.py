"""Stored samples of two problems, one with tests and one without, as selection and scores see them; token ids."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from haloforge.config import RaftLoop
from haloforge.records import Problem, Status, Tests
from haloforge.stages.raft.candidates import Candidate, candidates_of
from haloforge.store import SampleSummary, Store, StoredProgram, StoredSample, VerdictSummary

TESTED = Problem("tested", "Write f.", tests=Tests("asserts", code=("assert f(1) == 2",)))
UNTESTED = Problem("untested", "Write anything.")
PROBLEMS = {p.task_id: p for p in (TESTED, UNTESTED)}
PROGRAMS = ("def f(x): return x", "def f(y): return y", "def f(x): return 1", "def f(x): return 2", "print(1)")


def ids_of(store: Store, samples: Sequence[StoredSample]) -> list[tuple[int, ...]]:
    """The sampled token ids of each sample."""
    found = {tokens.id: tuple(tokens.token_ids) for tokens in store.tokens(s.id for s in samples)}
    return [found[s.id] for s in samples]


def program(
    number: int,
    problem: Problem = TESTED,
    code: str | None = None,
    status: Status = "passed",
    reward: float = 1.0,
    *,
    tokens: int = 10,
    finish: str = "stop",
    forgeable: bool = False,
    verified: bool = True,
) -> StoredProgram:
    """One sample of cycle 1 with its verdict and its code; its row id and its index are `number`."""
    code = f"def f(x): return {number}" if code is None else code
    verdict = VerdictSummary(status, reward, forgeable) if verified else None
    sample = SampleSummary(number, 1, problem.task_id, number, finish, tokens, verdict)  # type: ignore[arg-type]
    return StoredProgram(sample, code)


def judged(number: int, problem: Problem = TESTED, *args: Any, **more: Any) -> SampleSummary:
    """The sample of `program`, as scores see it."""
    return program(number, problem, *args, **more).sample


def candidate(number: int, problem: Problem = TESTED, *args: Any, **more: Any) -> Candidate:
    """The sample of `program`, as selection sees it."""
    (found,) = candidates_of([program(number, problem, *args, **more)], {problem.task_id: problem})
    return found


statuses: st.SearchStrategy[Status] = st.sampled_from(["passed", "wrong_answer", "compile_error", "unscored"])
samples_of_two_problems = st.lists(
    st.builds(
        candidate,
        st.integers(0, 10**6),
        st.sampled_from([TESTED, UNTESTED]),
        st.sampled_from(PROGRAMS),
        statuses,
        st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
        tokens=st.integers(1, 4),
        finish=st.sampled_from(["stop", "stop", "length"]),
        forgeable=st.sampled_from([False, False, True]),
    ),
    max_size=24,
    unique_by=lambda c: c.id,
)
loops = st.builds(
    RaftLoop,
    reward_threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    keep_top_percent=st.sampled_from([0.1, 0.5, 1.0]),
    max_per_prompt=st.integers(1, 4),
    keep_partial=st.booleans(),
    tie_break=st.sampled_from(["diverse", "random", "shortest"]),
)
