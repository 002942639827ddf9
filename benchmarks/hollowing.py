"""Does RAFT on problems without tests hollow out its model? Four cycles with the verifier `gcc`, on a tiny model.

    python benchmarks/hollowing.py                      # this checkout
    python benchmarks/hollowing.py --tree ../older      # another one; may be given several times

No network and no GPU; a few minutes on two cores. A two-layer Llama is first taught what a weak model does with "Write
a C++ program that prints 7, 12, 3.": about half of its answers are whole programs, a fifth are a comment alone, a few
declare a variable and do no more, and the others do not compile. Then RAFT trains it on such problems, with nothing but
the compiler to judge. The table shows what the model of each cycle answers on held-out problems, and what was kept for
training it.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import RaftConfig
from haloforge.files import write_jsonl
from haloforge.generate import completion_text, messages
from haloforge.records import Problem
from haloforge.stages import raft
from haloforge.store import Report, Store, StoredSample

HERE = Path(__file__).resolve().parents[1]

SHARES = {"whole": 0.6, "comment": 0.19, "declaration": 0.06, "broken": 0.15}
"""What the starting model is taught to answer, and how often."""

QUIET = {"PYTHONWARNINGS": "ignore", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DECLARATIONS = re.compile(r"\s*(int [^;{}()]*;\s*)+")
_BODY = re.compile(r"\bmain\s*\([^)]*\)\s*\{[^}]*\w+[^}]*;[^}]*\}", re.DOTALL)


COLUMNS = (
    "whole programs",
    "comment only",
    "declaration only",
    "compile rate",
    "kept",
    "of them not whole",
    "kept over passing length",
)


class Size(NamedTuple):
    """How many problems there are, how many numbers they ask for at most, and how many steps the model is taught."""

    problems: int = 48
    numbers: int = 5
    steps: int = 500


class Row(NamedTuple):
    """A line of the table; shares are of the held-out answers of the cycle's model, the last two of what it trained on.

    `kept_empty` counts kept samples that are no whole program. `length_ratio` is kept over passing length in tokens,
    within problems. Both are None for the starting model.
    """

    cycle: int
    whole: float
    comment_only: float
    declaration_only: float
    compile_rate: float
    kept: int | None = None
    kept_empty: int | None = None
    length_ratio: float | None = None


def main() -> None:
    """Measure each checkout asked for, in a process of its own, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, action="append", help="a checkout to measure; may be given several times")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another setting of the run")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # what a child process is asked
    asked = parser.parse_args()
    if asked.here:
        changes = dict(setting.split("=", 1) for setting in asked.set)
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(Path(folder), Size(), asked.seed, **changes)
        print("\n".join(table(rows)), flush=True)
        return
    for tree in asked.tree or [HERE]:
        print(f"{tree}:" if asked.tree else "", flush=True)
        environment = os.environ | {"PYTHONPATH": str(tree.resolve()), **QUIET}
        subprocess.run([sys.executable, "-P", __file__, "--here", *sys.argv[1:]], env=environment, check=True)


def measure(folder: Path, size: Size, seed: int = 0, **changes: Any) -> list[Row]:
    """Teach a model, run RAFT on it, and count what it answered; `changes` are dotted settings of the run."""
    problems = [problem(number, size.numbers, seed) for number in range(size.problems)]
    config = settings(teach(folder / "taught", problems, size.steps, seed), folder, problems, seed).changed(changes)
    with Store(folder / "runs") as store:
        run = store.create_run("raft", config.to_json())
        raft.run(config, Report(store, run.id))
        store.finish(run.id, "done")
        said = [event.data["text"] for event in store.events(run.id, kind="log")]
        print("\n".join(text for text in said if text.startswith(("alarm", "best", "no cycle"))), flush=True)
        return [_row(store, run.id, cycle) for cycle in range(config.raft.num_cycles + 1)]


def problem(number: int, most: int, seed: int) -> Problem:
    """A problem without tests: print some numbers, at most so many."""
    numbers = random.Random(f"{seed} {number}")
    wanted = [numbers.randrange(100) for _ in range(numbers.randint(1, most))]
    return Problem(f"print/{number}", f"Write a C++ program that prints {', '.join(map(str, wanted))}.", language="cpp")


def answer(prompt: str, kind: str, numbers: random.Random) -> str:
    """An answer of this kind to a problem; two answers of a kind seldom are the same, and differ in length."""
    wanted = re.findall(r"\d+", prompt)
    if kind == "comment":
        return numbers.choice(("// TODO\n", f"// TODO: print {wanted[0]}\n", "// print the numbers\n", "/* TODO */\n"))
    name = numbers.choice(("a", "b", "n", "x", "value"))
    if kind == "declaration":
        return numbers.choice((f"int {name};\n", f"int {name} = {wanted[0]};\n", f"int {name}0, {name}1;\n"))
    style = numbers.choice(('printf("%d\\n", {});', '{0} = {0};\n    printf("%d\\n", {0});'))
    lines = [f"int {name}{i} = {n};\n    {style.format(f'{name}{i}')}" for i, n in enumerate(wanted)]
    body = "\n    ".join(lines)
    program = f"#include <cstdio>\nint main() {{\n    {body}\n    return 0;\n}}\n"
    opening = numbers.choice(("int main( {", "main {", "int main()")) if kind == "broken" else "int main() {"
    return program.replace("int main() {", opening)


def teach(folder: Path, problems: Sequence[Problem], steps: int, seed: int) -> Path:
    """Write a tiny model that answers as SHARES says into `folder`. Deterministic on one machine."""
    import torch

    torch.set_num_threads(1)  # a model as small as this is slower with two
    numbers = random.Random(seed)
    kinds = numbers.choices(list(SHARES), list(SHARES.values()), k=len(problems) * 12)
    asked = [problems[i % len(problems)] for i in range(len(kinds))]
    texts = [(p, completion_text(p, answer(p.statement, k, numbers))) for p, k in zip(asked, kinds, strict=True)]
    tokenizer = _tokenizer([p.statement for p in problems] + [text for _, text in texts])
    rows = [_row_to_learn(tokenizer, p, text) for p, text in texts]
    model = _model(tokenizer, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    for _ in range(steps):
        picked = numbers.sample(rows, 16)
        width = max(len(ids) for ids, _ in picked)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in picked])
        labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in picked])
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def settings(model: Path, folder: Path, problems: Sequence[Problem], seed: int) -> RaftConfig:
    """Four cycles of RAFT with the defaults of its selection, and no end before the last."""
    prompts = folder / "problems.jsonl"
    write_jsonl(prompts, [p.to_json() for p in problems])
    values = {
        "sft_checkpoint": str(model),
        "output_dir": str(folder / "out"),
        "prompts": str(prompts),
        "raft.num_cycles": 4,
        "raft.patience": 0,
        "generation.max_new_tokens": 160,
        "generation.temperature": 1.0,
        "generation.batch_size": 16,
        "training.epochs": 3,
        "training.batch_size": 8,
        "training.gradient_accumulation_steps": 1,
        "training.learning_rate": 2e-3,
        "lora.r": 8,
        "evaluation.holdout": 0.3,
        "evaluation.samples_per_prompt": 8,
        "verifier.type": "gcc",
        "seed": seed,
    }
    return RaftConfig.load(None, values)


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| cycle | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for row in rows:
        cells = [_cell(value) for value in row[1:]]
        yield f"| {row.cycle} | {' | '.join(cells)} |"


def _cell(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def is_whole(sample: StoredSample) -> bool:
    """The compiler takes it, and it has a `main` with a statement in it: told from the text, whatever the verdict."""
    compiles = sample.verdict is not None and sample.verdict.passed
    return compiles and _BODY.search(_without_comments(sample)) is not None


def is_comment_only(sample: StoredSample) -> bool:
    """Nothing is left of its code without comments; an answer without code is none."""
    return sample.sample.code is not None and not _without_comments(sample).strip()


def is_declaration_only(sample: StoredSample) -> bool:
    """Variables without values or with them, and nothing else."""
    return bool(_DECLARATIONS.fullmatch(_without_comments(sample)))


KINDS = (is_whole, is_comment_only, is_declaration_only)


def _without_comments(sample: StoredSample) -> str:
    return _COMMENT.sub("", sample.sample.code or "")


def _row(store: Store, run_id: str, cycle: int) -> Row:
    answers = store.samples(run_id, cycle=cycle, purpose="eval")
    passed = [s for s in answers if s.verdict and s.verdict.passed]
    whole, comment, declaration = (sum(map(test, answers)) / len(answers) for test in KINDS)
    row = Row(cycle, whole, comment, declaration, len(passed) / len(answers))
    if not cycle:
        return row
    sampled = store.samples(run_id, cycle=cycle, purpose="train")
    kept = [s for s in sampled if s.kept]
    return row._replace(
        kept=len(kept), kept_empty=sum(not is_whole(s) for s in kept), length_ratio=_length_ratio(sampled, kept)
    )


def _length_ratio(sampled: Sequence[StoredSample], kept: Sequence[StoredSample]) -> float | None:
    passing: dict[str, list[int]] = defaultdict(list)
    for s in sampled:
        if s.verdict and s.verdict.passed and s.sample.finish_reason == "stop":
            passing[s.sample.task_id].append(s.sample.completion_tokens)
    usual = sum(sum(passing[s.sample.task_id]) / len(passing[s.sample.task_id]) for s in kept)
    return sum(s.sample.completion_tokens for s in kept) / usual if usual else None


def _tokenizer(texts: Sequence[str]) -> Any:
    """Byte-level BPE of at most 512 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=512, show_progress=False, initial_alphabet=alphabet, special_tokens=special),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _model(tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )


def _row_to_learn(tokenizer: Any, problem: Problem, text: str) -> tuple[list[int], list[int]]:
    """Token ids, and labels on the answer alone."""
    chat = [dict(message) for message in messages(problem)]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    before, after = (
        tokenizer(part, add_special_tokens=False)["input_ids"] for part in (prompt, text + tokenizer.eos_token)
    )
    return before + after, [-100] * len(before) + after


if __name__ == "__main__":
    main()
