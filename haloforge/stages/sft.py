"""SFT: solved problems, chats and texts in, OUTPUT/final_model out."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from haloforge.config import SftConfig
from haloforge.errors import ConfigError, DataError
from haloforge.files import file_errors
from haloforge.models import EMBEDDED, FINAL_MODEL, load_tokenizer, resolve
from haloforge.problems import SkippedRow, TrainingRow, load_training_rows, refuse_benchmark
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.pinning import is_from_hub, pinned_model
from haloforge.stages.shared.provenance import as_problem, contamination_warning
from haloforge.store import Report
from haloforge.train import (
    Encoded,
    Split,
    Training,
    encode,
    family,
    optimizer_steps,
    refuse_taken,
    refuse_unsupported,
    split_by_family,
)

_MAX_NAMED = 10
"""Rows of one kind that a log line names."""
_MAX_COMPARED_IN_DRY_RUN = 5000
"""A dry run should be quick: more rows than this are compared with the benchmarks only when the run starts."""


def run(config: SftConfig, report: Report) -> None:
    """Fine-tune `config.model` into OUTPUT/final_model; called again for the same run it goes on where it was.

    Raises Stopped, with everything saved, when the user asks.
    """
    from haloforge.train.fitting import fit

    target = Path(config.output_dir) / FINAL_MODEL
    refuse_unsupported(config.model.name, config.training, config.lora)
    refuse_taken(target, report.run_id, overwrite=config.overwrite)
    with file_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    rows = read_rows(config)
    for line in [*_notices(config, rows), *_contamination_warnings(rows.split.train)]:
        report.log(line)
    start = pinned_model(report, config.model.name)
    tokenizer = load_tokenizer(start, progress=report.log)
    learned = encode(rows.split.train, tokenizer, config.data.max_seq_length)
    held_out = encode(rows.split.held_out, tokenizer, config.data.max_seq_length)
    _describe(config, report, learned, held_out, rows.skipped)
    training = Training(
        start=start,
        settings=config.training,
        lora=config.lora,
        seed=config.seed,
        work=report.folder / "training",
        target=target,
        stage="sft",
    )
    record = once(report, 0, "train", lambda: asdict(fit(training, learned.examples, held_out.examples, report)))
    trained = record.findings
    steps, best_step, loss = trained["steps"], trained["best_step"], trained["eval_loss"]
    evaluated = f", held-out loss {loss:.3f} at step {best_step}" if loss else ""
    report.log(f"trained for {steps} steps{evaluated}; the model is in {target}")
    report.artifact(FINAL_MODEL, target, steps=steps, best_step=best_step, eval_loss=loss)


def check_output(config: SftConfig) -> None:
    """Raises ConfigError when another run's model is where this one's would be."""
    refuse_taken(Path(config.output_dir) / FINAL_MODEL, "", overwrite=config.overwrite)


def dry_run(config: SftConfig) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it."""
    target = Path(config.output_dir) / FINAL_MODEL
    refuse_unsupported(config.model.name, config.training, config.lora)
    check_output(config)
    _refuse_unwritable(target)
    rows = read_rows(config)
    (train, held_out), skipped = rows.split, rows.skipped
    is_small = len(train) <= _MAX_COMPARED_IN_DRY_RUN
    steps = optimizer_steps(len(train), config.training)
    longest = config.data.max_seq_length
    return [
        f"model    {_start_text(config.model.name)}",
        f"data     {config.data.train_file}: {len(train)} rows to learn from, {len(held_out)} held out, "
        f"{len(skipped)} that cannot be used" + _names([f"line {s.line}" for s in skipped]),
        *(
            f"caution  {line}"
            for line in [*_notices(config, rows), *(_contamination_warnings(train) if is_small else [])]
        ),
        *([] if is_small else ["caution  so many rows are compared with the benchmarks when the run starts"]),
        f"lengths  rows of more than {longest} tokens will be left out; they are counted once the tokenizer is loaded",
        f"steps    at most {steps} ({config.training.num_train_epochs:g} epochs)",
        f"output   {target}",
        "time     not measured; the run shows the time left after its first steps",
    ]


class Rows(NamedTuple):
    """Rows to learn from and to evaluate on, lines that cannot be used, and how many rows were in both files.

    Those `in_both` are left out of the rows to learn from.
    """

    split: Split
    skipped: tuple[SkippedRow, ...]
    in_both: int = 0


def read_rows(config: SftConfig) -> Rows:
    """The rows of the files; no family is on both sides. Raises DataError when nothing is left to learn from."""
    refuse_benchmark(config.data.train_file)
    loaded = load_training_rows(config.data.train_file)
    rows: list[TrainingRow] = list(loaded.rows[: config.data.max_samples])
    if config.data.validation_file is None:
        return Rows(split_by_family(rows, config.data.validation_split, config.seed), loaded.skipped)
    held_out = list(load_training_rows(config.data.validation_file).rows)
    families = {family(row) for row in held_out}
    train = [row for row in rows if family(row) not in families]
    if not train:
        raise DataError(
            f"{config.data.train_file} has nothing that is not in {config.data.validation_file} too, so nothing is "
            "left to learn from; give other rows to validate on"
        )
    return Rows(Split(train, held_out), loaded.skipped, len(rows) - len(train))


def _notices(config: SftConfig, rows: Rows) -> list[str]:
    in_both = f"{rows.in_both} rows are left out, as {config.data.validation_file} holds their problems"
    return [in_both] if rows.in_both else []


def _contamination_warnings(rows: Sequence[TrainingRow]) -> list[str]:
    warning = contamination_warning([as_problem(row) for row in rows])
    return [warning] if warning else []


def _describe(
    config: SftConfig, report: Report, learned: Encoded, held_out: Encoded, skipped: tuple[SkippedRow, ...]
) -> None:
    """Log what is learned from and what is left out. Raises DataError when nothing is left."""
    path, longest = config.data.train_file, config.data.max_seq_length
    for skip in skipped[:_MAX_NAMED]:
        report.log(f"{path} line {skip.line} is left out: {skip.reason}")
    if len(skipped) > _MAX_NAMED:
        report.log(f"{len(skipped) - _MAX_NAMED} more lines of {path} are left out")
    too_long = [*learned.too_long, *held_out.too_long]
    if too_long:
        report.log(f"{len(too_long)} rows of more than {longest} tokens are left out" + _names(too_long))
    if not learned.examples:
        raise DataError(f"{path}: every row has more than {longest} tokens; give a larger --max-seq-length")
    report.log(f"{len(learned.examples)} rows to learn from, {len(held_out.examples)} held out to evaluate on")
    counts = {
        "rows": len(learned.examples),
        "held_out": len(held_out.examples),
        "skipped": len(skipped),
        "too_long": len(too_long),
        "tokens": sum(len(example.input_ids) for example in learned.examples),
    }
    report.metric("data", 0, counts)


def _names(rows: list[str]) -> str:
    if not rows:
        return ""
    return f": {', '.join(rows[:_MAX_NAMED])}" + (", ..." if len(rows) > _MAX_NAMED else "")


def _start_text(name: str) -> str:
    checkpoint = resolve(name)
    if checkpoint.path == EMBEDDED:
        return f"{name} (embedded), with a new adapter"
    if is_from_hub(name) and not checkpoint.revision:
        return f"{name}, from the Hub, whose files will tell whether an adapter goes on or a new one begins"
    return f"{checkpoint.path}" + (", whose adapter goes on" if checkpoint.is_adapter else ", with a new adapter")


def _refuse_unwritable(target: Path) -> None:
    folder = target.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(f"{target} cannot be written, because {folder} is no folder that you may write to")
