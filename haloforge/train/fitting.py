"""Train, resume, publish: from examples or samples to `final_model`, for SFT and RAFT alike."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haloforge.errors import ConfigError
from haloforge.files import read_text, write_text
from haloforge.models import Metadata, letting_go, read_metadata, resolve
from haloforge.records import Reporter
from haloforge.train import checkpoints
from haloforge.train.batch_size import train_sized
from haloforge.train.examples import Example, Row, Rows, TrainSample
from haloforge.train.launch import processes
from haloforge.train.launched import optimize_launched
from haloforge.train.optimizing import Data, optimize
from haloforge.train.reporting import evaluation_losses, is_exhausted
from haloforge.train.training import Training, TrainingSettings, TrainResult

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
    data = Data(Rows(examples), Rows(held_out))
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
                if settings.launch is None:
                    with letting_go():
                        optimize(training, settings, data, report)
                else:
                    optimize_launched(training, settings, data, report)

            train_sized(training, train, report)
        result = _publish(training, report, began)
    checkpoints.discard(training.work)
    return result


def _refuse_without_logprobs(settings: TrainingSettings, examples: _Trainable) -> None:
    has_all = all(isinstance(example, TrainSample) and example.logprobs for example in examples)
    if settings.loss != "raft" and not has_all:
        raise ConfigError(f"the loss {settings.loss} needs the samples' log-probs, which this engine does not give")


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


def _fingerprint(training: Training, data: Data) -> dict[str, Any]:
    settings, lora = training.settings.model_dump(mode="json"), training.lora.model_dump(mode="json")
    launch = settings.pop("launch")  # who starts the processes may change, how many may not
    return {
        "training data": _digest(data.train),
        "held-out data": _digest(data.held_out),
        "settings": settings | {"lora": lora, "seed": training.seed},
        "starting checkpoint": resolve(training.start).path,
        "number of training processes": processes(launch),
    }


def _digest(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True).encode())
    return digest.hexdigest()
