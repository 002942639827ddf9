"""SFT: solved problems, chats and texts in, OUTPUT/final_model out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haloforge.config import SftConfig
from haloforge.errors import DataError
from haloforge.estimates import Adapting, PhaseTime, Span
from haloforge.files import file_errors
from haloforge.models import EMBEDDED, FINAL_MODEL, load_tokenizer, resolve
from haloforge.problems import TrainingRow, load_training_rows, read_manifest
from haloforge.stages.shared.forecast import Plan, memory_and_time, watched
from haloforge.stages.shared.memory import tokens_of
from haloforge.stages.shared.pace import Pace
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.pinning import is_from_hub, pinned_model
from haloforge.stages.shared.provenance import as_problem, contamination_warning
from haloforge.stages.shared.training_files import FileRows, mixed, mixed_counts, read_training_files
from haloforge.stages.shared.weak_tests import weak_tests_warning
from haloforge.store import Report
from haloforge.train import (
    Encoded,
    Example,
    Training,
    encode,
    family,
    one_of_several_gpus,
    optimizer_steps,
    refuse_taken,
    refuse_unsupported,
    split_by_family,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MAX_NAMED = 10
"""Rows of one kind that a log line names."""
_MANY_TIMES = 10
"""A file whose rows are seen more often than this in one epoch is cautioned against."""
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
    once(report, 0, "plan", lambda: {"files": [file.to_json() for file in rows.files]})
    for line in [*_notices(config, rows), *_contamination_warnings(rows.train)]:
        report.log(line)
    if hint := one_of_several_gpus(config.training.launch):
        report.log(hint)
    start = pinned_model(report, config.model.name)
    tokenizer = load_tokenizer(start, progress=report.log)
    material = _encoded(config, rows, tokenizer)
    _describe(config, report, rows, material)
    training = Training(
        start=start,
        settings=config.training,
        lora=config.lora,
        seed=config.seed,
        work=report.folder / "training",
        target=target,
        stage="sft",
    )
    with watched(report, _plan(config, rows, start)):
        record = once(
            report, 0, "train", lambda: asdict(fit(training, material.examples, material.held_out.examples, report))
        )
    trained = record.findings
    steps, best_step, loss = trained["steps"], trained["best_step"], trained["eval_loss"]
    evaluated = f", held-out loss {loss:.3f} at step {best_step}" if loss else ""
    report.log(f"trained for {steps} steps{evaluated}; the model is in {target}")
    report.artifact(FINAL_MODEL, target, steps=steps, best_step=best_step, eval_loss=loss)


def check_output(config: SftConfig) -> None:
    """Raises ConfigError when another run's model is where this one's would be."""
    refuse_taken(Path(config.output_dir) / FINAL_MODEL, "", overwrite=config.overwrite)


def dry_run(config: SftConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it."""
    target = Path(config.output_dir) / FINAL_MODEL
    refuse_unsupported(config.model.name, config.training, config.lora)
    check_output(config)
    rows = read_rows(config)
    is_small = len(rows.train) <= _MAX_COMPARED_IN_DRY_RUN
    steps = optimizer_steps(sum(rows.counts), config.training)
    longest = config.data.max_seq_length
    memory, time = memory_and_time(_plan(config, rows, config.model.name), measures=measures)
    return [
        f"model    {_start_text(config.model.name)}",
        *_data_lines(rows),
        *(
            f"caution  {line}"
            for line in [*_notices(config, rows), *(_contamination_warnings(rows.train) if is_small else [])]
        ),
        *([] if is_small else ["caution  so many rows are compared with the benchmarks when the run starts"]),
        f"lengths  rows of more than {longest} tokens will be left out; they are counted once the tokenizer is loaded",
        f"steps    at most {steps} ({config.training.num_train_epochs:g} epochs)",
        f"output   {target}",
        f"memory   {memory}",
        f"time     {time}",
    ]


def _plan(config: SftConfig, rows: "Rows", model: str) -> Plan:
    settings, longest, train = config.training, config.data.max_seq_length, rows.train
    tokens = [min(tokens_of(as_problem(row)), longest) for row in train] or [0.0]
    span = Span(int(min(tokens)), int(max(tokens)))

    def times(pace: Pace) -> list[PhaseTime]:
        steps = optimizer_steps(sum(rows.counts), settings)
        tries = -(-steps // settings.eval_steps) if rows.held_out else 0  # the last step is always evaluated
        trained = pace.trained(pace.lengths.rows(train, longest), sum(rows.counts), settings)
        scored = pace.scored(pace.lengths.rows(rows.held_out, longest)) * tries
        return [PhaseTime("train", 0, {"training": trained, "evaluation": scored})]

    return Plan(
        model,
        lambda room: [room.training(settings, config.lora, span)],
        times,
        samples=False,
        adapting=Adapting(settings, config.lora),
        in_4bit=config.lora.load_in_4bit,
    )


class Rows(NamedTuple):
    """The files to learn from, the rows to evaluate on, and how many rows were in both; those are left out of `files`.

    No family of problems is on both sides.
    """

    files: Sequence[FileRows]
    held_out: list[TrainingRow]
    in_both: int

    @property
    def train(self) -> list[TrainingRow]:
        """Every row to learn from, once, in the order of the files."""
        return [row for file in self.files for row in file.rows]

    @property
    def counts(self) -> list[int]:
        """How many rows of each file are seen in an epoch."""
        return mixed_counts([len(file.rows) for file in self.files], [file.weight for file in self.files])


def read_rows(config: SftConfig) -> Rows:
    """The rows of the files; no family is on both sides. Raises DataError when nothing is left to learn from."""
    files = read_training_files(config.data.files, config.data.max_samples)
    rows = [row for file in files for row in file.rows]
    if config.data.validation_file is None:
        held_out = split_by_family(rows, config.data.validation_split, config.seed).held_out
    else:
        held_out = list(load_training_rows(config.data.validation_file).rows)
    families = {family(row) for row in held_out}
    files = [file.without(families) for file in files]
    left = sum(len(file.rows) for file in files)
    in_both = len(rows) - left if config.data.validation_file else 0
    return Rows(files, held_out, in_both)


class Material(NamedTuple):
    """The rows as token ids: what each file holds, what is evaluated on, and the examples of an epoch."""

    files: list[Encoded]
    held_out: Encoded
    examples: list[Example]


def _encoded(config: SftConfig, rows: Rows, tokenizer: "PreTrainedTokenizerBase") -> Material:
    """Raises DataError for a file of which nothing is left."""
    files, longest = [], config.data.max_seq_length
    for file in rows.files:
        try:
            files.append(encode(file.rows, tokenizer, longest))
        except DataError as error:
            raise DataError(f"{file.file} {error}") from error
        if not files[-1].examples:
            raise DataError(f"{file.file}: every row has more than {longest} tokens; give a larger --max-seq-length")
    held_out = encode(rows.held_out, tokenizer, longest)
    weights = [file.weight for file in rows.files]
    return Material(files, held_out, mixed([encoded.examples for encoded in files], weights, config.seed))


def _data_lines(rows: Rows) -> list[str]:
    lines = []
    for file, count in zip(rows.files, rows.counts, strict=True):
        weighted = f", {count} in an epoch by its weight {file.weight:g}" if len(rows.files) > 1 else ""
        unused = f"{len(file.skipped)} that cannot be used" + _names([f"line {s.line}" for s in file.skipped])
        held_out = f" {len(rows.held_out)} held out," if len(rows.files) == 1 else ""
        lines.append(f"data     {file.file}: {len(file.rows)} rows to learn from{weighted},{held_out} {unused}")
    if len(rows.files) > 1:
        lines.append(f"data     together {sum(rows.counts)} rows in an epoch, {len(rows.held_out)} held out")
    return lines


def _notices(config: SftConfig, rows: Rows) -> list[str]:
    manifests = {file.file: read_manifest(file.file) for file in rows.files}
    not_meant = [
        f"{file} is not meant for training, as its manifest says ({manifest['source']})"
        for file, manifest in manifests.items()
        if manifest and not manifest["for_training"]
    ]
    repeated = [
        f"each row of {file.file} is seen {count / len(file.rows):.0f} times in an epoch; give it a smaller weight"
        for file, count in zip(rows.files, rows.counts, strict=True)
        if count > _MANY_TIMES * len(file.rows)
    ]
    in_both = f"{rows.in_both} rows are left out, as {config.data.validation_file} holds their problems"
    weak = [warning for file in rows.files if (warning := weak_tests_warning(file.file))]
    return [*not_meant, *repeated, *weak, *([in_both] if rows.in_both else [])]


def _contamination_warnings(rows: Sequence[TrainingRow]) -> list[str]:
    warning = contamination_warning([as_problem(row) for row in rows])
    return [warning] if warning else []


def _describe(config: SftConfig, report: Report, rows: Rows, material: Material) -> None:
    """Log what is learned from and what is left out."""
    several, longest = len(rows.files) > 1, config.data.max_seq_length
    too_long = list(material.held_out.too_long)
    for file, encoded in zip(rows.files, material.files, strict=True):
        for skip in file.skipped[:_MAX_NAMED]:
            report.log(f"{file.file} line {skip.line} is left out: {skip.reason}")
        if len(file.skipped) > _MAX_NAMED:
            report.log(f"{len(file.skipped) - _MAX_NAMED} more lines of {file.file} are left out")
        too_long += [f"{file.file} {name}" if several else name for name in encoded.too_long]
        if several:
            report.log(f"{file.file}: {len(encoded.examples)} rows with weight {file.weight:g}")
    if too_long:
        report.log(f"{len(too_long)} rows of more than {longest} tokens are left out" + _names(too_long))
    held_out = len(material.held_out.examples)
    report.log(f"{len(material.examples)} rows to learn from, {held_out} held out to evaluate on")
    counts = {
        "rows": len(material.examples),
        "held_out": held_out,
        "skipped": sum(len(file.skipped) for file in rows.files),
        "too_long": len(too_long),
        "tokens": sum(len(example.input_ids) for example in material.examples),
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
