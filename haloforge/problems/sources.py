"""The registry of datasets: what each one is, where it is stored, and what it may be used for."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset. `splits` maps our split names to the Hub's; `configs` maps languages to the Hub's configurations."""

    name: str
    license: str
    note: str
    rows: int
    """About how many rows there are, over all splits and one language."""
    languages: tuple[str, ...] = ("python",)
    splits: dict[str, str] = field(default_factory=lambda: {"train": "train"})
    purposes: tuple[str, ...] = ("sft", "raft")
    """Any of: sft (has solutions), raft (has tests), benchmark (its test split must not be used for training)."""
    hub: str = ""
    """Hub id; empty for the sets in the package."""
    revision: str | None = None
    """The pinned commit; None reads the newest. The manifest records which one was read."""
    configs: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    """Download only these columns, where the others are large; empty downloads all."""
    data_files: str = ""
    """Path of a JSON Lines file in the repository, for a dataset without tables; {config} is the configuration."""
    answers: tuple[str, str] | None = None
    """Hub id and configuration of a second dataset, with solutions to these problems."""
    answer_rows: int = 0
    """About how many rows that second dataset has."""
    noncommercial: bool = False

    @property
    def is_benchmark(self) -> bool:
        """True for a dataset whose test split is a public benchmark."""
        return "benchmark" in self.purposes

    @property
    def is_bundled(self) -> bool:
        """True for a set in the package, which needs no network."""
        return not self.hub

    def config(self, language: str | None) -> str | None:
        """The Hub's configuration for a language (None: the first language); None where there is none."""
        return self.configs.get(language or self.languages[0])


_TEST_ONLY = {"test": "test"}

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="starter-easy",
            license="Apache-2.0",
            note="bundled: one-function Python operations and small C++ programs, within reach of a 135M model",
            rows=187,
            languages=("python", "cpp"),
            splits={"train": "train", "test": "test"},
            purposes=("sft", "raft"),
        ),
        Source(
            name="starter-labels",
            license="Apache-2.0",
            note="bundled: Python functions that return a label and the value of a formula, where verification teaches",
            rows=120,
            splits={"train": "train", "test": "test"},
            purposes=("sft", "raft"),
        ),
        Source(
            name="starter",
            license="Apache-2.0",
            note="bundled: Python and C++ problems from easy to hard, as functions and with stdin/stdout",
            rows=60,
            languages=("python", "cpp"),
            splits={"train": "train", "test": "test"},
            purposes=("sft", "raft"),
        ),
        Source(
            name="mbpp",
            license="CC-BY-4.0",
            note="974 short Python tasks with 3 asserts; 374 to train on, less those that MBPP+ tests",
            rows=974,
            splits={"train": "train", "validation": "validation", "test": "test", "prompt": "prompt"},
            purposes=("sft", "raft", "benchmark"),
            hub="google-research-datasets/mbpp",
            configs={"python": "full"},
        ),
        Source(
            name="humaneval",
            license="MIT",
            note="164 Python functions to complete; a benchmark, never to be trained on",
            rows=164,
            splits=_TEST_ONLY,
            purposes=("benchmark",),
            hub="openai/openai_humaneval",
            configs={"python": "openai_humaneval"},
        ),
        Source(
            name="mbpp_plus",
            license="Apache-2.0",
            note="378 tasks of MBPP with about 35 times the tests; needs numpy where the tests run",
            rows=378,
            splits=_TEST_ONLY,
            purposes=("benchmark",),
            hub="evalplus/mbppplus",
            configs={"python": "default"},
        ),
        Source(
            name="humaneval_plus",
            license="Apache-2.0",
            note="HumanEval with about 80 times the tests; needs numpy where the tests run",
            rows=164,
            splits=_TEST_ONLY,
            purposes=("benchmark",),
            hub="evalplus/humanevalplus",
            configs={"python": "default"},
        ),
        Source(
            name="codeforces_cpp",
            license="CC-BY-4.0",
            note="Codeforces problems with official tests, joined with C++ answers of DeepSeek-R1 (unverified)",
            rows=8_760,
            languages=("cpp",),
            hub="open-r1/codeforces",
            configs={"cpp": "verifiable"},
            answers=("open-r1/codeforces-cots", "solutions_decontaminated"),
            answer_rows=40_700,
        ),
        Source(
            name="multipl_e",
            license="MIT",
            note="HumanEval in other languages, without reference solutions",
            rows=161,
            languages=("cpp", "rust", "go", "javascript", "typescript", "java"),
            splits=_TEST_ONLY,
            purposes=("benchmark",),
            hub="nuprl/MultiPL-E",
            configs={
                "cpp": "humaneval-cpp",
                "rust": "humaneval-rs",
                "go": "humaneval-go",
                "javascript": "humaneval-js",
                "typescript": "humaneval-ts",
                "java": "humaneval-java",
            },
        ),
        Source(
            name="humanevalpack",
            license="MIT",
            note="HumanEval in other languages, with reference solutions; 3 of the C++ ones need boost or OpenSSL",
            rows=164,
            languages=("cpp", "rust", "go", "javascript", "java", "python"),
            splits=_TEST_ONLY,
            purposes=("benchmark",),
            hub="bigcode/humanevalpack",
            revision="48dbcf3b8935a9f4077f4f0622c9a931f5a453a5",
            configs={"cpp": "cpp", "rust": "rust", "go": "go", "javascript": "js", "java": "java", "python": "python"},
            data_files="data/{config}/data/humanevalpack.jsonl",
        ),
        Source(
            name="opc_educational",
            license="MIT",
            note="Python tasks with answers and asserts, made by a model",
            rows=118_278,
            hub="OpenCoder-LLM/opc-sft-stage2",
            configs={"python": "educational_instruct"},
        ),
        Source(
            name="acecode",
            license="MIT",
            note="Python questions with about 16 asserts, made by a model (some are wrong); no answers",
            rows=87_149,
            purposes=("raft",),
            hub="TIGER-Lab/AceCode-87K",
            configs={"python": "default"},
            columns=("id", "source", "question", "test_cases"),
        ),
        Source(
            name="codealpaca",
            license="CC-BY-4.0",
            note="instructions with unverified answers of an OpenAI model, of which the Python ones are kept; no tests",
            rows=20_022,
            purposes=("sft",),
            hub="sahil2801/CodeAlpaca-20k",
            configs={"python": "default"},
        ),
    )
}
