"""Settings of reward-ranked fine-tuning."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from haloforge.config.sections import DEFAULT_ROWS, CheckpointSampling, LoraSection, RowsAtOnce, TrainingSection
from haloforge.config.verifier import VerifySettings
from haloforge.errors import ConfigError
from haloforge.settings import Groups, Ints, Section, StageConfig, Trackers, setting

Loss = Literal["raft", "raft++", "reinforce_rej"]
"""raft: negative log-likelihood; the other two: the clipped importance ratio of `haloforge.train.losses`."""

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
"""The keys that an entry of `cycles` may have, and the setting that each replaces in its cycle."""


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
    tie_break: Literal["diverse", "random", "shortest"] = setting("diverse", advanced=True)
    """Of equally good samples. diverse: programs unlike each other, of every length; random: drawn; shortest: brief."""
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
    patience: int = setting(1, ge=0, advanced=True)
    """Trained cycles without a better held-out score before the run ends; 0 runs them all."""
    rollback: bool = setting(False, advanced=True)
    """Go on from the best cycle so far, at half the learning rate for every cycle in between. Needs patience not 1."""
    sweep: bool = setting(False, advanced=True)
    """After the last cycle, try the best adapter at 50 and 75 % of its strength on the held-out problems."""
    control: Literal["none", "unverified", "shuffled_rewards"] = setting("none", advanced=True)
    """Show what verification is worth: as many samples, chosen without it, or by rewards that were shuffled."""

    @model_validator(mode="after")
    def _rollback_has_a_second_try(self) -> Self:
        if self.rollback and self.patience == 1:
            raise ValueError(
                "raft.rollback tries again after a cycle that got no better, where a patience of 1 ends the run: it "
                "needs raft.patience 0 or at least 2"
            )
        return self


class RaftPasses(Section):
    """How often the kept samples are seen, how many at once, and what is optimised."""

    epochs: float = setting(1, gt=0, le=20)
    """Passes over the kept samples."""
    loss: Loss = setting("raft", advanced=True)
    """raft: likelihood; raft++: clipped importance ratio; reinforce_rej: the same, and failures push back."""
    batch_size_name: ClassVar[str] = "batch_size"
    batch_size: RowsAtOnce = setting(DEFAULT_ROWS)
    """Samples at once; auto: as many as the memory holds, with as many samples in an optimizer step as with 2."""


class RaftTraining(TrainingSection, RaftPasses):  # fields of the last base come first
    """How every cycle trains on what it kept."""

    learning_rate: float = setting(5e-5, gt=0, le=1)
    """Peak learning rate of the first cycle."""
    bf16: bool = setting(True, advanced=True)
    """Train in bfloat16 on a GPU that has it, on an older one in float16 with a loss scaler; false: in float32."""
    gradient_checkpointing: bool = setting(True, advanced=True)
    """Trade time for memory on a GPU; off on a CPU."""
    replay_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL of solved problems or chats that are mixed in against forgetting, as `sft train` reads them."""
    replay_share: float = setting(0.2, gt=0, lt=1, advanced=True)
    """Share of each cycle's training rows that comes from the replay file."""

    # No settings: a cycle is a handful of steps without held-out rows, on an adapter that is trained already.
    warmup_ratio: ClassVar[float] = 0.0
    weight_decay: ClassVar[float] = 0.0
    save_steps: ClassVar[int] = 50
    eval_steps: ClassVar[int] = 50
    early_stopping_patience: ClassVar[int] = 0


class RaftSampling(CheckpointSampling):
    """How completions are sampled."""

    load_in_4bit: bool = setting(False, flag="generation-load-in-4bit", advanced=True)
    """Sample from a base in 4 bits, the adapter beside it, with a CUDA GPU and bitsandbytes; smaller, but slower."""


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
    """Checkpoint to start from: a folder, smollm2-135m, or a Hub id (org/name@revision)."""
    output_dir: str = setting("models/raft", flag="output", kind="folder", is_output=True)
    """Folder that receives cycle_N/final_model for every cycle."""
    overwrite: bool = setting(False, advanced=True)
    """Replace a model that another run left in the output folder."""
    prompts: str = setting(kind="problems")
    """JSONL of problems, or prepared data."""
    raft: RaftLoop = RaftLoop()
    cycles: Groups = setting((), flag="per-cycle", advanced=True)
    """What single cycles do differently, a list in their order: [{reward_threshold: 0.3}, {}, {verifier: gcc}]."""
    generation: RaftSampling = RaftSampling()
    training: RaftTraining = RaftTraining()
    lora: LoraSection = LoraSection()
    verifier: VerifySettings = VerifySettings()
    evaluation: EvaluationSection = EvaluationSection()
    report_to: Trackers = setting((), advanced=True)
    """Tell trackers what the run reports, too: tensorboard, trackio, wandb, mlflow; each needs its package."""
    seed: int = setting(42, ge=0, advanced=True)
    """Every random choice of the run derives from it."""
    seeds: Ints = setting((), advanced=True)
    """Run it once with each of these seeds, into OUTPUT/seed_N, and report all of them; with commas."""

    @model_validator(mode="before")
    @classmethod
    def _no_chat_server(cls, data: Any) -> Any:
        generation = data.get("generation") if isinstance(data, Mapping) else None
        backend = generation.get("backend") if isinstance(generation, Mapping) else None
        if isinstance(backend, str) and backend in ("openai", "ollama", "anthropic"):
            raise ValueError(
                f"generation.backend {backend}: a chat server gives no token ids and no log-probs back, and training "
                "needs both; give vllm, or local"
            )
        return data

    @model_validator(mode="after")
    def _servers_can_load_the_adapter(self) -> Self:
        if self.generation.backend == "vllm" and self.generation.load_in_4bit:
            raise ValueError(
                "generation.load_in_4bit is for the local backend: a vLLM server loads the model its own way"
            )
        if self.generation.backend == "vllm" and self.lora.use_dora:
            raise ValueError(
                "vLLM cannot load DoRA adapters: leave out lora.use_dora, or sample with the local backend"
            )
        return self

    @model_validator(mode="after")
    def _loss_fits_start(self) -> Self:
        if self.training.loss != "raft" and self.raft.start == "restart":
            raise ValueError(
                f"training.loss {self.training.loss} weighs samples against the model that gave them, so it needs "
                "raft.start continue"
            )
        if self.training.loss != "raft" and self.lora.load_in_4bit != self.generation.load_in_4bit:
            raise ValueError(
                "with only one of lora.load_in_4bit and generation.load_in_4bit the model trains other probabilities "
                "than it sampled from, so it needs loss raft"
            )
        if self.training.loss != "raft" and self.training.replay_file:
            raise ValueError("training.replay_file holds what no model sampled, so it needs training.loss raft")
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        self.generation.refuse_greedy_copies({"raft.samples_per_prompt": self.raft.samples_per_prompt})
        if self.evaluation.prompts or self.evaluation.holdout:
            self.generation.refuse_greedy_copies({"evaluation.samples_per_prompt": self.evaluation.samples_per_prompt})
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
        """The settings of a cycle, counted from 1: its entry in `cycles`, and for the rest the run's."""
        if not 0 < cycle <= len(self.cycles):
            return self
        changes = {PER_CYCLE[key]: value for key, value in self.cycles[cycle - 1].items()}
        return self.changed(changes | {"cycles": ()})
