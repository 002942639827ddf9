"""Settings of the commands that prepare, generate and validate data."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from haloforge.config.sections import SamplingSection
from haloforge.config.verifier import VerifySettings
from haloforge.settings import StageConfig, setting

DatasetName = Literal[
    "starter-easy", "starter-labels", "starter", "mbpp", "humaneval", "mbpp_plus", "humaneval_plus", "codeforces_cpp",
    "multipl_e", "humanevalpack", "opc_educational", "acecode", "codealpaca",
]  # fmt: skip
Backend = Literal["local", "ollama", "openai", "anthropic"]


class PrepareConfig(StageConfig):
    """Turn a dataset into a problem file, checked and with a manifest."""

    stage: ClassVar[str] = "data-prepare"
    command: ClassVar[tuple[str, ...]] = ("data", "prepare")
    dataset: DatasetName = setting("starter-easy")
    """Where the problems come from."""
    output: str = setting(kind="file", is_output=True)
    """JSONL file to write; a manifest is written beside it."""
    overwrite: bool = setting(False, advanced=True)
    """Replace a file of another dataset, split or language, or one that was changed by hand."""
    split: str | None = setting(None)
    """train, validation or test; by default the split meant for training where there is one."""
    limit: int | None = setting(None, ge=1)
    """Keep only the first problems."""
    language: str | None = setting(None)
    """Keep only problems in this language."""
    from_file: str | None = setting(None, flag="from", kind="file")
    """Read this file in the dataset's original format instead of asking the Hub."""
    purpose: Literal["auto", "training", "benchmark"] = setting("auto", advanced=True)
    """training keeps clear of the benchmarks and drops contaminated rows; auto trains on all but test splits."""
    check_solutions: bool = setting(False, advanced=True)
    """Run every reference solution against its own tests and drop the problems that fail."""


class GenerateConfig(StageConfig):
    """Let a model answer prompts, and write its answers as training data."""

    stage: ClassVar[str] = "data-generate"
    command: ClassVar[tuple[str, ...]] = ("data", "generate")
    prompts: str = setting(kind="file")
    """Text file with one prompt a line, or a JSONL of problems."""
    backend: Backend = setting("local")
    """local (transformers), ollama, openai (any compatible server) or anthropic; keys come from the environment."""
    model: str = setting(kind="model")
    """Model name as the backend knows it."""
    output: str = setting("data/generated.jsonl", kind="file", is_output=True)
    """JSONL file to write; an interrupted run goes on where it was."""
    samples: int = setting(1, ge=1, le=1024)
    """Answers per prompt."""
    verify: bool = setting(False)
    """Write only answers that pass verification, each program once; the others stay in the run's records."""
    overwrite: bool = setting(False, advanced=True)
    """With verify: replace a file that another run wrote."""
    base_url: str | None = setting(None)
    """Address of the server, where it is not the backend's usual one."""
    system_prompt: str | None = setting(None, advanced=True)
    """Put before every prompt as the system message."""
    concurrency: int = setting(8, ge=1, le=256, advanced=True)
    """Requests in flight at once (servers only)."""
    generation: SamplingSection = SamplingSection()
    verifier: VerifySettings = VerifySettings()
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the sampling, where the backend takes one."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        self.generation.refuse_greedy_copies({"samples": self.samples})
        return self

    @model_validator(mode="after")
    def _overwrite_needs_verify(self) -> Self:
        if self.overwrite and not self.verify:
            raise ValueError("overwrite goes with verify; without it answers are added to the file, never replaced")
        return self


class ValidateConfig(StageConfig):
    """Check a problem file, and its reference solutions against their own tests."""

    stage: ClassVar[str] = "data-validate"
    command: ClassVar[tuple[str, ...]] = ("data", "validate")
    run_solutions: bool = setting(True)
    """Run every reference solution against its own tests, and try the tests on mutants of it (also --run)."""
    mutants: int | None = setting(None, ge=0, le=1000)
    """Mutants of each solution that its tests are tried on; by default 8 in Python, none in compiled languages."""
    solution_runs: int = setting(2, ge=1, le=100, advanced=True)
    """How often each solution runs; tests that do not say the same every time are flaky."""
    verifier: VerifySettings = VerifySettings()
