"""Every setting of every stage, once. YAML keys, CLI flags, GUI fields and the stored config all derive from here."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from haloforge.errors import ConfigError
from haloforge.settings import Groups, Ints, Section, Setting, StageConfig, Words, command, setting, settings, values

__all__ = ["STAGES", "Setting", "StageConfig", "command", "settings", "values"]

VerifierName = Literal["auto", "python", "gcc", "clang", "mingw", "rust", "go", "custom"]
DatasetName = Literal[
    "starter-easy", "starter-labels", "starter", "mbpp", "humaneval", "mbpp_plus", "humaneval_plus", "codeforces_cpp",
    "multipl_e", "humanevalpack", "opc_educational", "acecode", "codealpaca",
]  # fmt: skip
Backend = Literal["local", "ollama", "openai", "anthropic"]

PER_CYCLE = {
    "verifier": "verifier.type",
    "run_after_compile": "verifier.run_after_compile",
    "reward": "verifier.reward",
    "reward_threshold": "raft.reward_threshold",
    "samples_per_prompt": "raft.samples_per_prompt",
    "keep_top_percent": "raft.keep_top_percent",
    "strategy": "raft.strategy",
    "temperature": "generation.temperature",
}
"""What an entry of `cycles` may say, and the setting that it says it of."""


class ModelSection(Section):
    """Which model to start from."""

    name: str = setting(flag="model", kind="model")
    """Hub id, local folder (full model or LoRA adapter), or smollm2-135m (embedded, works without network)."""


class SftData(Section):
    """What to learn from."""

    train_file: str = setting(flag="data", kind="file")
    """JSONL of problems with solutions, messages, prompt+completion, prompt+response, or text."""
    max_seq_length: int = setting(2048, ge=16, le=131072)
    """Longest training row in tokens; a longer row is left out and counted, never cut."""
    validation_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL to evaluate on; without it a share of the training rows is held out."""
    validation_split: float = setting(0.05, ge=0, lt=1)
    """Share of the training problem families held out for evaluation when there is no validation file."""
    max_samples: int | None = setting(None, ge=1, advanced=True)
    """Use only the first rows of the file."""


class SftTraining(Section):
    """How to learn it."""

    num_train_epochs: float = setting(3, flag="epochs", gt=0, le=100)
    """Passes over the training rows."""
    per_device_train_batch_size: int = setting(2, flag="batch-size", ge=1, le=1024)
    """Rows per step and device."""
    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(2e-4, gt=0, le=1)
    """Peak learning rate (cosine decay)."""
    warmup_ratio: float = setting(0.03, ge=0, lt=1, advanced=True)
    """Share of the steps that the learning rate rises."""
    weight_decay: float = setting(0.01, ge=0, le=1, advanced=True)
    """AdamW weight decay."""
    max_grad_norm: float = setting(1.0, gt=0, advanced=True)
    """Gradients are clipped to this norm."""
    bf16: bool = setting(True)
    """Train in bfloat16 where a GPU supports it; a CPU always trains in float32."""
    gradient_checkpointing: bool = setting(True)
    """Trade time for memory on a GPU; off on a CPU."""
    save_steps: int = setting(200, ge=1, advanced=True)
    """Optimizer steps between checkpoints that a stopped run resumes from."""
    eval_steps: int = setting(100, ge=1, advanced=True)
    """Optimizer steps between evaluations on the held-out rows."""
    early_stopping_patience: int = setting(5, ge=0, advanced=True)
    """Evaluations without improvement before training stops; 0 never stops early."""


class LoraSection(Section):
    """The adapter that is trained. Where the starting checkpoint already is an adapter that one goes on, as it is."""

    r: int = setting(16, flag="lora-rank", ge=1, le=1024)
    """Rank of the adapter matrices."""
    alpha: int = setting(32, flag="lora-alpha", ge=1, le=4096)
    """Scale of the adapter (alpha / r multiplies its output)."""
    dropout: float = setting(0.05, flag="lora-dropout", ge=0, lt=1)
    """Dropout inside the adapter."""
    load_in_4bit: bool = setting(False, advanced=True)
    """Train on a base in 4 bits (QLoRA), with a CUDA GPU and bitsandbytes; sampling and merging use whole weights."""


class SftConfig(StageConfig):
    """Fine-tune a model on solved problems: LoRA, loss on the completion only."""

    stage: ClassVar[str] = "sft"
    command: ClassVar[tuple[str, ...]] = ("sft", "train")
    model: ModelSection
    data: SftData
    output_dir: str = setting("models/sft", flag="output", kind="folder")
    """Folder that receives final_model."""
    overwrite: bool = setting(False, advanced=True)
    """Replace a model that another run left in the output folder."""
    training: SftTraining = SftTraining()
    lora: LoraSection = LoraSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the row order, the held-out split and the adapter's start."""


class VerifierSection(Section):
    """How code is judged."""

    type: VerifierName = setting("auto", flag="verifier")
    """auto picks by each problem's language; gcc and clang compile C and C++; custom runs your own command."""
    run_after_compile: bool = setting(False)
    """Also run programs that have no tests: a clean exit is worth 0.7 instead of 0.5."""
    reward: Literal["graded", "binary"] = setting("graded")
    """graded: 0 no compile, 0.3 warnings, 0.5 compiles, 0.7 runs, 1.0 passes; binary: 1.0 only for passed."""
    partial: bool = setting(False, flag="partial-reward", advanced=True)
    """Between 0.7 and 1.0 by the share of tests passed."""
    time_limit_s: float = setting(10.0, gt=0, le=600, advanced=True)
    """CPU seconds per test run, where the problem names none."""
    memory_mb: int = setting(1024, ge=64, le=65536, advanced=True)
    """Memory of the judged program, where the problem names none."""
    workers: int | None = setting(None, ge=1, le=256, advanced=True)
    """Parallel verifications; by default one per usable core."""
    command: Words = setting((), flag="verifier-command", advanced=True)
    """custom only: the program and its arguments, quoted as for a shell; {file} stands for the code's file."""
    readable: Words = setting((), flag="verifier-readable", advanced=True)
    """custom only: files and folders that its sandbox shows the command besides the system's and those it names."""
    unforgeable: bool = setting(False, advanced=True)
    """custom only: you vouch that no solution can make the command pass it; RAFT leaves out verdicts without that."""
    allow_unsafe: bool = setting(False, advanced=True)
    """Run model-written code even where this machine offers no sandbox."""


class RaftLoop(Section):
    """The loop: sample, verify, keep the best, fine-tune, repeat."""

    num_cycles: int = setting(3, flag="cycles", ge=1, le=100)
    """How many times to sample, verify, select and train."""
    samples_per_prompt: int = setting(8, ge=1, le=1024)
    """Completions sampled for every problem in every cycle."""
    reward_threshold: float = setting(0.5, ge=0, le=1)
    """Nothing below this reward is ever trained on."""
    keep_top_percent: float = setting(0.5, flag="keep-percent", gt=0, le=1)
    """Share of each problem's eligible samples that is kept, best first."""
    max_per_prompt: int = setting(4, ge=1, le=1024)
    """At most this many samples of one problem are trained on in a cycle."""
    strategy: Literal["top_percent", "all_passing", "best_of_n"] = setting("top_percent", advanced=True)
    """top_percent: keep_top_percent of each problem's eligible samples; all_passing: all; best_of_n: the best one."""
    keep_partial: bool = setting(False, advanced=True)
    """Also keep samples that fail some tests but reach the threshold."""
    keep_solved: float = setting(1.0, gt=0, le=1, advanced=True)
    """Share of the problems solved by all their samples that is still trained on; the model can do those already."""
    retry_unsolved: int = setting(1, ge=1, le=16, advanced=True)
    """Problems that no sample solved in the cycle before get this many times as many samples."""
    curriculum: Literal["none", "easy_first"] = setting("none", advanced=True)
    """easy_first: of the problems solved at all, cycle c of N trains on the easiest c / N, by measured pass rate."""
    final_threshold: float | None = setting(None, ge=0, le=1, advanced=True)
    """The reward threshold of the last cycle; it moves there in equal steps. By default it does not move."""
    final_temperature: float | None = setting(None, gt=0, le=2, advanced=True)
    """The sampling temperature of the last cycle; it moves there in equal steps. By default it does not move."""
    lr_decay_per_cycle: float = setting(0.85, flag="lr-decay", gt=0, le=1, advanced=True)
    """Learning rate of cycle c is learning_rate times this to the power c - 1."""
    start: Literal["continue", "restart"] = setting("continue", advanced=True)
    """continue: every cycle trains the last adapter on; restart: from the first checkpoint, on all kept samples."""
    min_kept: int = setting(1, ge=1, advanced=True)
    """A cycle that keeps fewer samples than this does not train, and says so."""
    too_little: Literal["stop", "go_on"] = setting("stop", advanced=True)
    """After such a cycle the run ends, or goes on with fresh samples of the same model."""
    patience: int = setting(0, ge=0, advanced=True)
    """Cycles without a better held-out pass@1 before the run ends; 0 runs them all."""
    rollback: bool = setting(False, advanced=True)
    """Go on from the best cycle so far instead of the last, at half the learning rate for every cycle in between."""
    sweep: bool = setting(False, advanced=True)
    """After the last cycle, try the best adapter at 50 and 75 % of its strength on the held-out problems."""
    control: Literal["none", "unverified", "shuffled_rewards"] = setting("none", advanced=True)
    """Show what verification is worth: as many samples, chosen without it, or by rewards dealt out at random."""


class SamplingSection(Section):
    """How completions are sampled."""

    max_new_tokens: int = setting(1024, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    temperature: float = setting(0.7, ge=0, le=2)
    """Sampling temperature; 0 is greedy."""
    top_p: float = setting(0.95, gt=0, le=1, advanced=True)
    """Sample from the smallest set of tokens with this much probability."""


class BatchedSampling(SamplingSection):
    """How completions are sampled."""

    batch_size: int = setting(4, flag="generation-batch-size", ge=1, le=4096)
    """Problems sampled together; a stopped run resumes after its last whole batch."""


class BenchmarkSampling(BatchedSampling):
    """How completions are sampled."""

    max_new_tokens: int = setting(512, ge=1, le=32768)
    """A completion that is still going after this many tokens is cut and counted as truncated."""
    batch_size: int = setting(16, flag="generation-batch-size", ge=1, le=4096)
    """Problems sampled together; a stopped run resumes after its last whole batch."""


class RaftTraining(Section):
    """How every cycle trains on what it kept."""

    epochs: float = setting(1, gt=0, le=20)
    """Passes over the kept samples."""
    loss: Literal["raft", "raft++", "reinforce_rej"] = setting("raft", advanced=True)
    """raft: likelihood; raft++: clipped importance ratio; reinforce_rej: the same, and failures push back."""
    batch_size: int = setting(2, ge=1, le=1024)
    """Samples per step."""
    gradient_accumulation_steps: int = setting(16, flag="gradient-accumulation", ge=1, le=4096)
    """Steps whose gradients are added up before the weights change."""
    learning_rate: float = setting(5e-5, gt=0, le=1)
    """Peak learning rate of the first cycle."""
    bf16: bool = setting(True, advanced=True)
    """Train in bfloat16 where a GPU supports it; a CPU always trains in float32."""
    gradient_checkpointing: bool = setting(True, advanced=True)
    """Trade time for memory on a GPU; off on a CPU."""
    max_grad_norm: float = setting(1.0, gt=0, advanced=True)
    """Gradients are clipped to this norm."""
    replay_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL of solved problems or chats that are mixed in against forgetting, as `sft train` reads them."""
    replay_share: float = setting(0.2, gt=0, lt=1, advanced=True)
    """Share of each cycle's training rows that comes from the replay file."""


class EvaluationSection(Section):
    """Held-out problems that judge every cycle and are never trained on."""

    prompts: str | None = setting(None, flag="eval-prompts", kind="problems")
    """JSONL of held-out problems; without it a share of the problem families is held out."""
    holdout: float = setting(0.2, ge=0, lt=1)
    """Share of the problem families held out when no file is given; 0 evaluates nothing."""
    samples_per_prompt: int = setting(4, flag="eval-samples", ge=1, le=1024)
    """Completions per held-out problem in every evaluation."""
    limit: int | None = setting(None, flag="eval-limit", ge=1, advanced=True)
    """Evaluate on at most this many problems."""


class RaftConfig(StageConfig):
    """Reward-ranked fine-tuning: sample N completions per problem, verify each, train on the best, repeat."""

    stage: ClassVar[str] = "raft"
    command: ClassVar[tuple[str, ...]] = ("raft", "train")
    sft_checkpoint: str = setting("models/sft/final_model", flag="checkpoint", kind="model")
    """Checkpoint to start from: a folder, smollm2-135m, or a Hub id."""
    output_dir: str = setting("models/raft", flag="output", kind="folder")
    """Folder that receives cycle_N/final_model for every cycle."""
    overwrite: bool = setting(False, advanced=True)
    """Replace a model that another run left in the output folder."""
    prompts: str = setting(kind="problems")
    """JSONL of problems, or prepared data."""
    raft: RaftLoop = RaftLoop()
    cycles: Groups = setting((), flag="per-cycle", advanced=True)
    """What single cycles do otherwise, a list in their order: [{reward_threshold: 0.3}, {}, {verifier: gcc}]."""
    generation: BatchedSampling = BatchedSampling()
    training: RaftTraining = RaftTraining()
    lora: LoraSection = LoraSection()
    verifier: VerifierSection = VerifierSection()
    evaluation: EvaluationSection = EvaluationSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Every random choice of the run derives from it."""
    seeds: Ints = setting((), advanced=True)
    """Run it once with each of these seeds, into OUTPUT/seed_N, and report all of them; with commas."""

    @model_validator(mode="after")
    def _loss_fits_start(self) -> Self:
        if self.training.loss != "raft" and self.raft.start == "restart":
            raise ValueError(
                f"training.loss {self.training.loss} weighs samples against the model that gave them, so it needs "
                "raft.start continue"
            )
        if self.training.loss != "raft" and self.lora.load_in_4bit:
            raise ValueError("lora.load_in_4bit trains other probabilities than it sampled from, so it needs loss raft")
        if self.training.loss != "raft" and self.training.replay_file:
            raise ValueError("training.replay_file holds what no model sampled, so it needs training.loss raft")
        return self

    @model_validator(mode="after")
    def _cycles_fit(self) -> Self:
        if len(self.cycles) > self.raft.num_cycles:
            raise ValueError(
                f"cycles has {len(self.cycles)} entries for {self.raft.num_cycles} cycles: give raft.num_cycles "
                f"{len(self.cycles)}, or fewer entries"
            )
        for name, last in (("reward_threshold", "final_threshold"), ("temperature", "final_temperature")):
            if any(name in entry for entry in self.cycles) and getattr(self.raft, last) is not None:
                raise ValueError(f"cycles and raft.{last} both say how the {name} changes: give one of them")
        for number in range(1, len(self.cycles) + 1):
            self._check_entry(number)
        return self

    def _check_entry(self, number: int) -> None:
        for key in self.cycles[number - 1]:
            if key not in PER_CYCLE:
                raise ValueError(f"cycles, entry {number}: no {key!r} here; a cycle can have {', '.join(PER_CYCLE)}")
        try:
            self.of_cycle(number)
        except ConfigError as error:
            raise ValueError(f"cycles, entry {number}: {error}") from error

    def of_cycle(self, cycle: int) -> Self:
        """The settings of a cycle, counted from 1: what its entry in `cycles` says, and else those of the run."""
        if not 0 < cycle <= len(self.cycles):
            return self
        own = {PER_CYCLE[key]: value for key, value in self.cycles[cycle - 1].items()}
        return self.changed(own | {"cycles": ()})


class BenchmarkConfig(StageConfig):
    """Sample n completions per problem and estimate pass@k, with an interval over problems."""

    stage: ClassVar[str] = "benchmark"
    command: ClassVar[tuple[str, ...]] = ("benchmark", "run")
    model: str = setting(kind="model")
    """Checkpoint to judge: a folder, smollm2-135m, or a Hub id."""
    prompts: str = setting(kind="problems")
    """JSONL of problems; original HumanEval and MBPP files are read as they are."""
    output: str = setting("results/benchmark.json", kind="file")
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
    verifier: VerifierSection = VerifierSection()
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


class PrepareConfig(StageConfig):
    """Turn a dataset into a problem file, checked and with a manifest."""

    stage: ClassVar[str] = "data-prepare"
    command: ClassVar[tuple[str, ...]] = ("data", "prepare")
    dataset: DatasetName = setting("starter-easy")
    """Where the problems come from."""
    output: str = setting(kind="file")
    """JSONL file to write; a manifest is written beside it."""
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
    output: str = setting("data/generated.jsonl", kind="file")
    """JSONL file to write; an interrupted run goes on where it was."""
    samples: int = setting(1, ge=1, le=1024)
    """Answers per prompt."""
    base_url: str | None = setting(None)
    """Address of the server, where it is not the backend's usual one."""
    system_prompt: str | None = setting(None, advanced=True)
    """Put before every prompt as the system message."""
    concurrency: int = setting(8, ge=1, le=256, advanced=True)
    """Requests in flight at once (servers only)."""
    generation: SamplingSection = SamplingSection()
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the sampling, where the backend takes one."""


class VerifyConfig(StageConfig):
    """Verify samples against the tests of their problems."""

    stage: ClassVar[str] = "verify"
    command: ClassVar[tuple[str, ...]] = ("verify",)
    problems: str = setting(kind="problems")
    """Problem file, in our format or an original one."""
    samples: str = setting(kind="file")
    """JSONL with task_id and completion or solution."""
    output: str = setting(kind="file")
    """JSONL to write: the input rows, with verdicts."""
    verifier: VerifierSection = VerifierSection()


class ValidateConfig(StageConfig):
    """Check a problem file, and its reference solutions against their own tests."""

    stage: ClassVar[str] = "data-validate"
    command: ClassVar[tuple[str, ...]] = ("data", "validate")
    run_solutions: bool = setting(True)
    """Run every reference solution against its own tests."""
    verifier: VerifierSection = VerifierSection()


class AppConfig(StageConfig):
    """The studio, in the browser."""

    stage: ClassVar[str] = "app"
    command: ClassVar[tuple[str, ...]] = ("app",)
    host: str = setting("127.0.0.1")
    """Address to listen on; any other than this machine's own needs a login."""
    port: int = setting(7860, ge=1, le=65535)
    """Port to listen on."""
    auth: str | None = setting(None)
    """Login to ask for, as USER:PASSWORD."""
    insecure: bool = setting(False)
    """Allow another address without a login: anyone who reaches it can run code here."""


STAGES: dict[str, type[StageConfig]] = {
    c.stage: c for c in (PrepareConfig, GenerateConfig, SftConfig, RaftConfig, BenchmarkConfig)
}
