"""One training loop for SFT and RAFT: TRL's SFTTrainer, without network access, scoring only the learned tokens."""

import math
from typing import Any

import torch
from safetensors import SafetensorError
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import pad

from haloforge.config import Loss
from haloforge.errors import MachineError, first_line
from haloforge.files import file_errors
from haloforge.train.losses import objective
from haloforge.train.micro_batches import micro_batches
from haloforge.train.row_order import LikeLengths
from haloforge.train.scoring import score

_FIRST_SCALE = 2.0**16
"""Where PyTorch's scaler begins. It rises again after 2,000 steps without an overflow."""


_NOTED = ("entropy", "mean_token_accuracy", "approximate_kl", "clip_fraction")
"""Means over the learned tokens, reported beside the loss."""


class Collator(DataCollatorForLanguageModeling):
    """Pads rows to the longest; rows may carry `weight` and `log_probs` (per token, 0 where nothing is learned)."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Adds `weights` (batch, 1) and `old_log_probs` (batch, length) where the rows have them."""
        batch: dict[str, Any] = super().torch_call(examples)
        if "weight" in examples[0]:
            batch["weights"] = torch.tensor([[row["weight"]] for row in examples])
            known = [torch.tensor(row["log_probs"]) for row in examples]
            batch["old_log_probs"] = pad(known, padding_value=0.0, padding_side="right")
        return batch


class ForgeTrainer(SFTTrainer):
    """SFTTrainer with RAFT's objectives. It asks no server anything and writes no model card.

    `like_lengths` is how many rows of like length stand together in the row order; None: any order.
    """

    def __init__(self, *args: Any, loss: Loss, like_lengths: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss, self.like_lengths = loss, like_lengths
        self._noted = torch.zeros(len(_NOTED), 2, device=self.args.device)
        keep_trained_in_float32(self.model)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """The objective's mean over the learned tokens of the whole optimizer step, negated."""
        assert not return_outputs, "only the loss is ever asked for: there are no metrics on logits here"
        weights, old = inputs.pop("weights", None), inputs.pop("old_log_probs", None)
        scored = score(model, inputs)
        if weights is None or old is None:
            target = objective("raft", scored.log_probs, scored.log_probs, torch.ones_like(scored.log_probs[:, :1]))
        else:
            target = objective(self.loss, scored.log_probs, old[:, 1:], weights)
            self._note_drift(target.is_clipped, scored.log_probs - old[:, 1:], scored.is_learned)
        self._note("entropy", scored.entropy.sum(), scored.is_learned.sum())
        self._note("mean_token_accuracy", scored.is_top.sum(), scored.is_learned.sum())
        tokens = scored.is_learned.sum() if num_items_in_batch is None else num_items_in_batch
        total = -(target.per_token * scored.is_learned).sum() / torch.as_tensor(tokens).clamp(min=1)
        # num_items_in_batch counts the tokens of all processes, whose gradients are then averaged
        return total if num_items_in_batch is None else total * self.accelerator.num_processes

    def training_step(
        self, model: Any, inputs: dict[str, torch.Tensor], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """One batch; on a CPU part by part, since a part needs less memory and the loss is a sum over tokens."""
        is_whole = self.args.device.type != "cpu" or num_items_in_batch is None
        *parts, last = [inputs] if is_whole else micro_batches(inputs)
        losses = []
        for part in parts:  # processes may have different numbers of parts, so they meet at the last one only
            with self.accelerator.no_sync(model):
                losses.append(super().training_step(model, part, num_items_in_batch))
        losses.append(super().training_step(model, last, num_items_in_batch))
        return torch.stack(losses).sum()

    def overflowed_steps(self) -> int:
        """At least so many optimizer steps the scaler of a float16 training left out: each halved the scale of 2^16."""
        scaler = self.accelerator.scaler
        return 0 if scaler is None else max(0, round(math.log2(_FIRST_SCALE / scaler.get_scale())))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset
        if self.like_lengths is None:
            return super()._get_train_sampler(rows)
        lengths = [len(ids) for ids in rows["input_ids"]]
        return LikeLengths(lengths, self.like_lengths, self.args.seed)

    def _note_drift(self, is_clipped: torch.Tensor, log_ratio: torch.Tensor, is_learned: torch.Tensor) -> None:
        """How far the model has moved from the one that sampled: KL(old || new) by (r - 1) - log r, Schulman's k3."""
        divergence = (log_ratio.detach().exp() - 1 - log_ratio.detach()) * is_learned
        self._note("approximate_kl", divergence.sum(), is_learned.sum())
        self._note("clip_fraction", (is_clipped & is_learned).sum(), is_learned.sum())

    def _note(self, name: str, total: torch.Tensor, count: torch.Tensor) -> None:
        self._noted[_NOTED.index(name)] += torch.stack([total.detach().float(), count.float()])

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The means since the last report over all processes, which meet here: their batches may differ in parts.

        Every step is reported before an evaluation begins, so the means of the two never mix.
        """
        mode = "train" if self.model.training else "eval"
        for name, (total, count) in zip(_NOTED, self.accelerator.reduce(self._noted).tolist(), strict=True):
            if count:
                self._metrics[mode][name] = [total / count]
        self._noted = torch.zeros_like(self._noted)
        super().log(logs, start_time)

    def _send_telemetry(self) -> None:
        """Nothing leaves this machine."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """A checkpoint of an unfinished training needs no card."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Raises MachineError when the disk is full, however the library that noticed says so."""
        folder = self.args.output_dir
        try:
            with file_errors(folder):
                super()._save_checkpoint(model, trial)
        except (SafetensorError, RuntimeError) as error:
            reason = first_line(error)
            raise MachineError(f"no checkpoint can be written to {folder} ({reason}); free space and resume") from error

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """The adapter and its tokenizer; PEFT's default would ask the Hub whether the base model's vocabulary grew."""
        folder = output_dir or self.args.output_dir
        self.model.save_pretrained(folder, state_dict=state_dict, save_embedding_layers=False)
        self.processing_class.save_pretrained(folder)


def keep_trained_in_float32(model: torch.nn.Module) -> None:
    """Cast what is trained to float32, whatever the frozen base is in.

    TRL puts the adapter of a base in 4 bits in bfloat16. Small updates are lost there, and a loss scaler, which a
    GPU without bfloat16 needs, can unscale gradients in float32 only.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
