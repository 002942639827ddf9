"""Settings of a benchmark."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from haloforge.config.data import Backend
from haloforge.config.sections import CheckpointSampling
from haloforge.config.verifier import VerifySettings
from haloforge.settings import Ints, StageConfig, Trackers, setting


class BenchmarkSampling(CheckpointSampling):
    """How completions are sampled: all of them in one pool, the longest prompt first."""

    max_new_tokens: int = setting(512, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    batch_size: int = setting(16, flag="generation-batch-size", ge=1, le=4096, advanced=True)
    """Problems whose seeds are drawn together, so that earlier runs can be repeated; it no longer changes the speed."""


class BenchmarkConfig(StageConfig):
    """Sample n completions per problem and estimate pass@k, with an interval over problems."""

    stage: ClassVar[str] = "benchmark"
    command: ClassVar[tuple[str, ...]] = ("benchmark", "run")
    model: str = setting(kind="model")
    """Checkpoint to judge: a folder, smollm2-135m, or a Hub id (org/name@revision)."""
    backend: Backend = setting("local", advanced=True)
    """local (a checkpoint), or a server that has the model: ollama, openai (any compatible one) or anthropic."""
    base_url: str | None = setting(None, advanced=True)
    """Address of the server, where it is not the backend's usual one."""
    concurrency: int = setting(8, ge=1, le=256, advanced=True)
    """Requests in flight at once (servers only)."""
    prompts: str = setting(kind="problems")
    """JSONL of problems; original HumanEval and MBPP files are read as they are."""
    output: str = setting("results/benchmark.json", kind="file", is_output=True)
    """Result file; the samples are written beside it."""
    overwrite: bool = setting(False, advanced=True)
    """Replace the result of another run in that file."""
    samples: int = setting(10, ge=1, le=1024)
    """Completions per problem (n)."""
    protocol: Literal["halo", "evalplus", "mbpp-3shot"] = setting("halo")
    """How the model is asked: halo as RAFT asks, evalplus and mbpp-3shot word for word as published."""
    aliased: bool = setting(False, advanced=True)
    """Also score Python answers as if their first function had the requested name: is a gain more than the name?"""
    k: Ints = setting((1,))
    """The k of pass@k, with commas; none may exceed the number of samples."""
    limit: int | None = setting(None, ge=1)
    """Use only the first problems of the file (the result says so)."""
    generation: BenchmarkSampling = BenchmarkSampling()
    verifier: VerifySettings = VerifySettings()
    report_to: Trackers = setting((), advanced=True)
    """Tell trackers what the run reports, too: tensorboard, trackio, wandb, mlflow; each needs its package."""
    seed: int = setting(1234, ge=0, advanced=True)
    """Every random choice of the run derives from it."""

    @model_validator(mode="after")
    def _k_fits_samples(self) -> Self:
        if not self.k:
            raise ValueError("k is empty: give the k of pass@k, such as --k 1,5")
        too_large = [k for k in self.k if k > self.samples or k < 1]
        if too_large:
            raise ValueError(
                f"pass@{too_large[0]} cannot be estimated from {self.samples} samples per problem: "
                f"give --samples {max(max(self.k), 1)} or more, or a k between 1 and {self.samples}"
            )
        return self

    @model_validator(mode="after")
    def _only_servers_have_an_address(self) -> Self:
        if self.backend == "local" and self.base_url:
            raise ValueError("base_url is for servers: give a backend, such as --backend openai")
        if self.backend != "local" and self.generation.backend != "local":
            raise ValueError(
                f"backend {self.backend} is a chat server, and generation.backend vllm samples from a checkpoint: "
                "give one of them"
            )
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        self.generation.refuse_greedy_copies({"samples": self.samples})
        return self
