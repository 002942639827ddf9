"""Training tokens per CPU second against TRL's SFTTrainer and against what the machine's arithmetic allows, in one run.

    python benchmarks/train.py [--rows 32] [--threads 2] [--repeats 1]

The embedded model in fp32 learns the same bundled rows with the same LoRA adapter (rank 16, every linear layer), eight
rows per optimizer step: with TRL's defaults (a batch of 8, recomputed activations), with TRL and stored activations,
and here (batches of 2 rows of like length, four to a step). Tokens are those of the rows, without padding; loading is
not timed. CPU seconds are those of this process. On a machine that others use too give --threads 1: two threads wait
for each other in a loop, which counts as CPU time.

The limit is the speed of a large matrix product, per CPU second, divided by the arithmetic that a token needs:

    tokens x (4 x weights of the adapted layers + 6 x weights of the adapter) + learned tokens x 4 x weights of the head

Two operations per weight forward, two for the gradient that goes on to the layer below; the frozen weights need no
gradient of their own, which full fine-tuning pays two more for. Attention, norms and the optimizer are not counted.
"""

import argparse
import gc
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from arithmetic import matmul_flops, training_flops_per_token
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from haloforge.config import LoraSection, SftTraining
from haloforge.models import load, load_tokenizer
from haloforge.problems import TrainingRow, load_starter
from haloforge.train import Example, Training, encode
from haloforge.train.adapters import new_adapter
from haloforge.train.examples import IGNORED, conversation
from haloforge.train.optimizing import trainer_arguments
from haloforge.train.precision import Precision
from haloforge.train.row_order import LikeLengths
from haloforge.train.trainer import Collator, ForgeTrainer
from haloforge.train.training import rows_of_like_length

MODEL = "smollm2-135m"
ROWS_PER_STEP = 8
MATRIX = 2048
"""Rows and columns of the matrices whose product is timed."""


class Speed(NamedTuple):
    """What one pass over the rows took; `tokens` without padding."""

    tokens: int
    wall_s: float
    cpu_s: float

    def text(self, name: str, best: float) -> str:
        """A row of the table; `best` is the limit in tokens per CPU second."""
        rate = self.tokens / self.cpu_s
        return f"{name:34} {self.tokens:7} {self.wall_s:7.1f} {self.cpu_s:7.1f} {rate:9.1f} {rate / best:8.0%}"


def main() -> None:
    """Print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 32), ("threads", 2), ("repeats", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    everything = encode(training_rows(), load_tokenizer(MODEL), 2048).examples
    for size in (2, 8):
        print(padding_text([len(example.input_ids) for example in everything], size))
    rows, examples = training_rows()[: options.rows], everything[: options.rows]
    ways: dict[str, Callable[[Path], Speed]] = {
        "SFTTrainer, defaults": lambda folder: with_trl(rows, folder, recomputes=True),
        "SFTTrainer, stored activations": lambda folder: with_trl(rows, folder, recomputes=False),
        "halo-forge": lambda folder: with_ours(examples, folder),
    }
    flops = matmul_flops(torch.device("cpu"), torch.float32, MATRIX, per_cpu_second=True)
    model = load(MODEL, device="cpu").model
    limit = flops / training_flops_per_token(model, LoraSection().r, learned_share(examples))
    print(f"{len(rows)} rows; a {MATRIX} x {MATRIX} product runs at {flops / 1e9:.1f} GFLOP per CPU second")
    print(f"{'':34} {'tokens':>7} {'wall s':>7} {'CPU s':>7} {'tok/CPU-s':>9} {'of limit':>8}")
    found: dict[str, Speed] = {}
    for repeat in range(options.repeats):
        order = list(ways.items())
        for name, run in order if repeat % 2 == 0 else reversed(order):
            with tempfile.TemporaryDirectory() as folder:
                found[name] = run(Path(folder))
            gc.collect()  # the model of one way is gone before the next is loaded
            print(found[name].text(name, limit), flush=True)
    print(f"{'limit of the arithmetic':34} {'':7} {'':7} {'':7} {limit:9.1f}")
    ours = found["halo-forge"]
    for name, speed in found.items():
        if speed is not ours:
            wall, cpu = (ours.tokens / a * b / speed.tokens for a, b in zip(ours[1:], speed[1:], strict=True))
            print(f"halo-forge against {name}: {wall:.2f} x per wall second, {cpu:.2f} x per CPU second")


def training_rows() -> list[TrainingRow]:
    """Bundled problems with their solutions, the same for everyone."""
    problems = load_starter("starter-easy", language="python")
    return [TrainingRow(problem=problem) for problem in problems if problem.solution]


def padding_text(lengths: Sequence[int], size: int) -> str:
    """How much of batches of `size` rows is padding: in random order (the mean of ten), and by length as here."""
    places = range(len(lengths))
    shuffled = [padding(lengths, random.Random(seed).sample(places, len(places)), size) for seed in range(10)]
    grouped = padding(lengths, list(LikeLengths(lengths, size, seed=0)), size)
    mean = sum(shuffled) / len(shuffled)
    return f"{len(lengths)} rows in batches of {size}: {mean:.1%} padding in random order, {grouped:.1%} by length"


def padding(lengths: Sequence[int], order: Sequence[int], size: int) -> float:
    """The share of padding when the rows are read in this order."""
    batches = [[lengths[place] for place in order[at : at + size]] for at in range(0, len(order), size)]
    return 1 - sum(lengths) / sum(len(batch) * max(batch) for batch in batches)


def with_trl(rows: Sequence[TrainingRow], folder: Path, *, recomputes: bool) -> Speed:
    """TRL as its documentation shows it: a prompt and a completion in chat form, loss on the completion."""
    chats = [conversation(row) for row in rows]
    data = [{"prompt": list(chat[:-1]), "completion": [chat[-1]]} for chat in chats]
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=ROWS_PER_STEP,
        use_cpu=True,
        bf16=False,
        activation_checkpointing=recomputes,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    loaded = load(MODEL, trainable=True, device="cpu")
    trainer = SFTTrainer(
        model=loaded.model,
        args=arguments,
        train_dataset=Dataset.from_list(data),
        processing_class=loaded.tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear"),
    )
    return timed(trainer, sum(map(len, trainer.train_dataset["input_ids"])))


def with_ours(examples: Sequence[Example], folder: Path) -> Speed:
    """The trainer that `fit` uses, with its arguments."""
    settings = SftTraining(num_train_epochs=1, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    lora = LoraSection()
    training = Training(MODEL, settings, lora, 0, folder, folder / "model", "sft")
    loaded = load(MODEL, trainable=True, device="cpu")
    numbers = Precision("float32", has_scaler=False)
    trainer = ForgeTrainer(
        model=loaded.model,
        args=trainer_arguments(training, len(examples), numbers=numbers, has_gpu=False, evaluates=False),
        loss="raft",
        like_lengths=rows_of_like_length(settings) if settings.group_by_length else None,
        train_dataset=Dataset.from_list([dict(example.to_row()) for example in examples]),
        data_collator=Collator(pad_token_id=loaded.tokenizer.pad_token_id),
        processing_class=loaded.tokenizer,
        peft_config=new_adapter(lora, loaded.model),
    )
    return timed(trainer, sum(len(example.input_ids) for example in examples))


def timed(trainer: Any, tokens: int) -> Speed:
    """Train to the end; building the trainer is not timed."""
    trainer.remove_callback(PrinterCallback)
    wall, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    return Speed(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def learned_share(examples: Sequence[Example]) -> float:
    """Learned tokens over read tokens."""
    read = sum(len(example.input_ids) for example in examples)
    return sum(label != IGNORED for example in examples for label in example.labels) / read


if __name__ == "__main__":
    main()
