"""The optimizer steps of a training, from its last checkpoint on: what every process of it runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from datasets import Dataset, Features, List, Value, concatenate_datasets
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTConfig

from haloforge.config import DEFAULT_ROWS
from haloforge.errors import Stopped
from haloforge.models import load, name_base_commit
from haloforge.records import Reporter
from haloforge.train import checkpoints
from haloforge.train.adapters import new_adapter
from haloforge.train.examples import Row
from haloforge.train.precision import Device, Precision, precision
from haloforge.train.reporting import Reporting
from haloforge.train.trainer import Collator, ForgeTrainer
from haloforge.train.training import Training, TrainingSettings, optimizer_steps, rows_of_like_length


class Data(NamedTuple):
    """Rows as the Collator reads them."""

    train: Sequence[Row]
    held_out: Sequence[Row]


def optimize(training: Training, settings: TrainingSettings, data: Data, report: Reporter) -> None:
    """Go on from the last checkpoint, where there is one. `settings` are the training's, its batch size a number."""
    device, last = Device.of_this_machine(), checkpoints.last_checkpoint(training.work)
    numbers = precision(settings, device)
    loaded = load(
        training.start,
        trainable=True,
        dtype=numbers.base,
        in_4bit=training.lora.load_in_4bit,
        progress=report.log,
    )
    reporting = Reporting(report, patience=settings.early_stopping_patience, cycle=training.cycle)
    trainer = ForgeTrainer(
        model=loaded.model,
        args=trainer_arguments(
            replace(training, settings=settings),
            len(data.train),
            numbers=numbers,
            has_gpu=device.has_gpu,
            evaluates=bool(data.held_out),
        ),
        loss=settings.loss,
        like_lengths=rows_of_like_length(training.settings) if settings.group_by_length else None,
        train_dataset=dataset_of(data.train),
        eval_dataset=dataset_of(data.held_out) if data.held_out else None,
        data_collator=Collator(pad_token_id=loaded.tokenizer.pad_token_id),
        processing_class=loaded.tokenizer,
        peft_config=None if loaded.checkpoint.is_adapter else new_adapter(training.lora, loaded.model),
        callbacks=[reporting, _OrderOfTheEpoch()],
    )
    trainer.remove_callback(PrinterCallback)
    if not loaded.checkpoint.is_adapter:
        name_base_commit(trainer.model, loaded.checkpoint.revision)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    if skipped := trainer.overflowed_steps():
        report.log(
            f"at least {skipped} steps overflowed in float16 and changed nothing, until the loss scale was low enough"
        )
    if reporting.stopped_by_user:
        raise Stopped


class _OrderOfTheEpoch(TrainerCallback):
    """Tells the row order its epoch before a resumed one is read.

    The data loader that skips the rows of a resumed epoch passes the epoch on in one process only (accelerate 1.15): in
    several it would go on with the order of the first epoch. Both loaders share the sampler, which is told here.
    """

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **loaded: Any
    ) -> None:
        """Before the loader of the epoch is made."""
        loaded["train_dataloader"].set_epoch(int(state.epoch or 0))


def dataset_of(rows: Sequence[Row]) -> Dataset:
    """The rows in 12 bytes a token, put there a few at a time: Python's own numbers take eight times as much."""
    columns = [name for name in _COLUMNS if name in rows[0]]
    features = Features({name: _COLUMNS[name] for name in columns})
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    chunks = ([dict(row) for row in rows[start : start + _ROWS_AT_ONCE]] for start in starts)
    return concatenate_datasets([Dataset.from_list(chunk, features) for chunk in chunks])


_ROWS_AT_ONCE = 1000
_COLUMNS = {
    "input_ids": List(Value("int32")),
    "labels": List(Value("int32")),
    "weight": Value("float64"),
    "log_probs": List(Value("float32")),
}


def trainer_arguments(
    training: Training, rows: int, *, numbers: Precision, has_gpu: bool, evaluates: bool
) -> SFTConfig:
    """The Trainer's arguments for `rows` training rows."""
    settings = training.settings
    arguments = SFTConfig(
        output_dir=str(training.work),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size if has_gpu else min(settings.batch_size, DEFAULT_ROWS),
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=int(settings.warmup_ratio * optimizer_steps(rows, settings)),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        use_cpu=not has_gpu,
        bf16=numbers.base == "bfloat16",
        fp16=numbers.has_scaler,
        optim="adamw_bnb_8bit" if settings.optimizer == "adamw_8bit" else "adamw_torch_fused",
        activation_checkpointing=settings.gradient_checkpointing and has_gpu,
        dataloader_pin_memory=has_gpu,
        seed=training.seed,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        remove_unused_columns=False,
        include_num_input_tokens_seen="non_padding",
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=settings.eval_steps,
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=2,  # with one, a kill between the newest and its mark would leave none
        report_to="none",
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one process drives one GPU; several take `accelerate launch`, where this is 1 already
    return arguments
