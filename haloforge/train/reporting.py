"""Between the Trainer and the run: its logs become events, the user's stop becomes a control of the Trainer."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from haloforge.errors import ConfigError
from haloforge.records import Reporter
from haloforge.train.checkpoints import mark_complete

SECONDS_BETWEEN_CHECKPOINTS = 300.0
"""The longest time between checkpoints, however many optimizer steps it is."""

_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "entropy": "entropy",
    "mean_token_accuracy": "token_accuracy",
    "num_input_tokens_seen": "tokens",
    "clip_fraction": "clip_fraction",
    "approximate_kl": "approximate_kl",
    "epoch": "epoch",
}


class Reporting(TrainerCallback):
    """Metrics "train" and "eval" by step, progress, checkpoints, early stopping, and the user's stop.

    After a resume the steps since the last checkpoint are reported again; the later event of a step counts.
    """

    def __init__(self, report: Reporter, *, patience: int, cycle: int | None) -> None:
        self.report, self.patience, self.cycle = report, patience, cycle
        self.stopped_by_user = False
        self._last_save = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Report progress before the first step, which may take minutes."""
        self.report.progress("train", state.global_step, state.max_steps, cycle=self.cycle, unit="steps")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Progress, and a checkpoint when one is due by the clock or the user wants to stop."""
        self.report.progress("train", state.global_step, state.max_steps, cycle=self.cycle, unit="steps")
        is_due = time.monotonic() - self._last_save > SECONDS_BETWEEN_CHECKPOINTS
        is_due, self.stopped_by_user = _as_the_first_process_says(
            is_due, state.global_step < state.max_steps and self.report.stop_asked()
        )
        control.should_save |= is_due or self.stopped_by_user
        control.should_training_stop |= self.stopped_by_user

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """One metric event for each entry that the Trainer logs, except its closing summary.

        Raises ConfigError when the loss is NaN or infinite: nothing can be learned from then on.
        """
        logs = logs or {}
        if "loss" in logs and not math.isfinite(logs["loss"]):
            raise ConfigError(
                f"the loss is no longer a number at step {state.global_step}; give a lower learning rate "
                f"(it was {args.learning_rate:g})"
            )
        if "loss" in logs:
            self._emit("train", state.global_step, logs)
        elif "eval_loss" in logs:
            self._emit("eval", state.global_step, {key.removeprefix("eval_"): value for key, value in logs.items()})

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Save when the held-out loss is the lowest so far; stop when it has not been for `patience` evaluations."""
        if evaluations_since_best(state.log_history) == 0:
            control.should_save = True
        if is_exhausted(state.log_history, self.patience):
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as whole, once every process has written its part."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            mark_complete(Path(str(args.output_dir)), state.global_step)
        self._last_save = time.monotonic()

    def _emit(self, name: str, step: int, logs: Mapping[str, float]) -> None:
        values = {short: _finite(logs[key]) for key, short in _NAMES.items() if key in logs}
        if self.cycle is not None:
            values["cycle"] = self.cycle
        self.report.metric(name, step, values)


def _as_the_first_process_says(*decisions: bool) -> list[bool]:
    """A step that some processes take and others do not would wait for ever."""
    shared = list(decisions)
    if PartialState().num_processes > 1:
        broadcast_object_list(shared)
    return shared


def evaluations_since_best(log_history: Sequence[Mapping[str, float]]) -> int:
    """How many evaluations ago the held-out loss was lowest; the first of equals counts."""
    losses = evaluation_losses(log_history)
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def is_exhausted(log_history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """True when the held-out loss has not improved for `patience` evaluations; never for a patience of 0."""
    return 0 < patience <= evaluations_since_best(log_history)


def evaluation_losses(log_history: Sequence[Mapping[str, float]]) -> list[float]:
    """The held-out losses of a training, oldest first; what is not a number counts as infinite."""
    losses = [entry["eval_loss"] for entry in log_history if "eval_loss" in entry]
    return [math.inf if math.isnan(loss) else loss for loss in losses]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
