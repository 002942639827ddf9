"""Train, resume, publish: from examples or samples to `final_model`, for SFT and RAFT alike."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig

from haloforge.config import DEFAULT_ROWS
from haloforge.errors import ConfigError, Stopped
from haloforge.files import read_text, write_text
from haloforge.models import Metadata, letting_go, load, name_base_commit, read_metadata, resolve
from haloforge.records import Reporter
from haloforge.train import checkpoints
from haloforge.train.adapters import new_adapter
from haloforge.train.batch_size import train_sized
from haloforge.train.examples import Example, Row, TrainSample
from haloforge.train.precision import Device, Precision, precision
from haloforge.train.reporting import Reporting, evaluation_losses, is_exhausted
from haloforge.train.trainer import Collator, ForgeTrainer
from haloforge.train.training import (
    Training,
    TrainingSettings,
    TrainResult,
    optimizer_steps,
    rows_of_like_length,
)

_RESULT = "result.json"


_Trainable = Sequence[Example] | Sequence[TrainSample]


def fit(training: Training, examples: _Trainable, held_out: Sequence[Example], report: Reporter) -> TrainResult:
    """Train to the end and publish the model at `training.target`.

    Called again it goes on from its last checkpoint, or returns the result where the model is published already. The
    step with the lowest loss on `held_out` is published, without held-out examples the last one. Raises ConfigError
    when a ratio loss meets samples without log-probs, Stopped (with everything saved) when the user asks, RunError
    when examples or settings changed since the training began. However it ends, the model has left the memory.
    """
    _refuse_without_logprobs(training.settings, examples)
    data = _Data([e.to_row() for e in examples], [e.to_row() for e in held_out])
    result = _finished(training, report)
    if result is None:
        began = time.monotonic()
        training.work.mkdir(parents=True, exist_ok=True)
        if not checkpoints.claim(training.work, _fingerprint(training, data), are_samples=training.cycle is not None):
            report.log("another version of halo-forge began this training; it starts again")
        checkpoints.remove_incomplete(training.work)
        last = checkpoints.last_checkpoint(training.work)
        if last is None or not _is_over(last, training.settings):

            def train(settings: TrainingSettings) -> None:
                with letting_go():
                    _train(training, settings, data, report)

            train_sized(training, train, report)
        result = _publish(training, report, began)
    checkpoints.discard(training.work)
    return result


class _Data(NamedTuple):
    """Rows as the Collator reads them."""

    train: list[Row]
    held_out: list[Row]


def _refuse_without_logprobs(settings: TrainingSettings, examples: _Trainable) -> None:
    has_all = all(isinstance(example, TrainSample) and example.logprobs for example in examples)
    if settings.loss != "raft" and not has_all:
        raise ConfigError(f"the loss {settings.loss} needs the samples' log-probs, which this engine does not give")


def _train(training: Training, settings: TrainingSettings, data: _Data, report: Reporter) -> None:
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
        train_dataset=_dataset(data.train),
        eval_dataset=_dataset(data.held_out) if data.held_out else None,
        data_collator=Collator(pad_token_id=loaded.tokenizer.pad_token_id),
        processing_class=loaded.tokenizer,
        peft_config=None if loaded.checkpoint.is_adapter else new_adapter(training.lora, loaded.model),
        callbacks=[reporting],
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


def _dataset(rows: Sequence[Row]) -> Dataset:
    return Dataset.from_list([dict(row) for row in rows])


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


def _publish(training: Training, report: Reporter, began: float) -> TrainResult:
    last = checkpoints.last_checkpoint(training.work)
    assert last is not None, "the Trainer saves its last step"
    state = checkpoints.state_of(last)
    best_step = state["best_global_step"] or state["global_step"]
    start = resolve(training.start)
    metadata = Metadata(
        base_model=start.base_model,
        parent=start.path,
        run=report.run_id,
        stage=training.stage,
        cycle=training.cycle,
        base_revision=start.base_revision,
    )
    checkpoints.publish(training.work / f"checkpoint-{best_step}", training.target, metadata)
    evaluated = evaluation_losses(state["log_history"])
    result = TrainResult(
        path=str(training.target),
        steps=state["global_step"],
        best_step=best_step,
        tokens=state["num_input_tokens_seen"],
        seconds=time.monotonic() - began,
        loss=next((entry["loss"] for entry in reversed(state["log_history"]) if "loss" in entry), None),
        eval_loss=min(evaluated) if evaluated else None,
    )
    write_text(training.work / _RESULT, json.dumps(asdict(result)))
    return result


def _finished(training: Training, report: Reporter) -> TrainResult | None:
    """The result of a training that this run has published before."""
    path = training.work / _RESULT
    if not path.exists() or not training.target.is_dir():
        return None
    metadata = read_metadata(training.target)
    if (metadata.run, metadata.cycle) != (report.run_id, training.cycle):
        return None
    return TrainResult(**json.loads(read_text(path)))


def _is_over(checkpoint: Path, settings: TrainingSettings) -> bool:
    state, patience = checkpoints.state_of(checkpoint), settings.early_stopping_patience
    return state["global_step"] >= state["max_steps"] or is_exhausted(state["log_history"], patience)


def _fingerprint(training: Training, data: _Data) -> dict[str, Any]:
    settings, lora = training.settings.model_dump(mode="json"), training.lora.model_dump(mode="json")
    return {
        "training data": _digest(data.train),
        "held-out data": _digest(data.held_out),
        "settings": settings | {"lora": lora, "seed": training.seed},
        "starting checkpoint": resolve(training.start).path,
    }


def _digest(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True).encode())
    return digest.hexdigest()
