"""A sample as selection sees it: light enough that all samples of a cycle fit into memory, whatever they say."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from haloforge.answers import normal_form
from haloforge.records import Problem
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.stages.shared.scores import digest_of
from haloforge.store import SampleSummary, StoredProgram

Problems = Mapping[str, Problem]

SKETCH_BITS = 256
_SHINGLE = 4  # tokens
_TOKEN = re.compile(r"\w+|[^\w\s'\"()\[\],=]+")  # brackets and commas are everywhere, so they tell nothing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample's summary, and what is left of its program.

    `digest` is shared by equal programs only. `sketch` has SKETCH_BITS bits, of which two programs share the more, the
    more alike they are.
    """

    sample: SampleSummary
    digest: bytes
    has_code: bool
    sketch: int = 0

    @property
    def id(self) -> int:
        """The sample's row id."""
        return self.sample.id


Group = Sequence[Candidate]


def candidates_of(
    programs: Iterable[StoredProgram], problems: Problems, *, accept_forgeable: bool = False
) -> list[Candidate]:
    """Candidates for selection; of each program only its digest and its sketch stay in memory.

    `accept_forgeable`: verdicts that a solution could forge count like others.
    """
    if accept_forgeable:
        programs = (replace(program, sample=_accepted(program.sample)) for program in programs)
    return [_candidate(program, problems[program.sample.task_id].language) for program in programs]


def by_problem(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by their problem's id."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.sample.task_id].append(candidate)
    return groups


def random_number(sample: SampleSummary, seed: int) -> int:
    """A random number that depends on the sample and not on where it stands."""
    return derived_seed(seed, sample.cycle, sample.task_id, sample.index)


def difference(one: Candidate, other: Candidate) -> int:
    """How unlike two programs are, 0 to SKETCH_BITS; where they have nothing in common half of the bits do."""
    return (one.sketch ^ other.sketch).bit_count()


def sketch(form: str) -> int:
    """SimHash (Charikar 2002) over the runs of four tokens in a normal form: programs with most runs in common differ
    in few bits, whatever their lengths.
    """
    tokens = _TOKEN.findall(form)
    shingles = {" ".join(tokens[i : i + _SHINGLE]) for i in range(max(1, len(tokens) - _SHINGLE + 1))}
    hashes = b"".join(_hash(shingle) for shingle in shingles)
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8).reshape(len(shingles), -1), axis=1)
    return int.from_bytes(np.packbits(bits.sum(axis=0) * 2 > len(shingles)).tobytes())


def _hash(shingle: str) -> bytes:
    return hashlib.blake2b(shingle.encode(errors="surrogatepass"), digest_size=SKETCH_BITS // 8).digest()


def _accepted(sample: SampleSummary) -> SampleSummary:
    verdict = sample.verdict
    return replace(sample, verdict=replace(verdict, forgeable=False)) if verdict and verdict.forgeable else sample


def _candidate(program: StoredProgram, language: str) -> Candidate:
    """Truncated samples are never trained on, so nobody asks how unlike they are."""
    form = normal_form(program.code or "", language)
    is_whole = bool(program.code) and program.sample.finish_reason == "stop"
    return Candidate(program.sample, digest_of(form), bool(program.code), sketch(form) if is_whole else 0)
