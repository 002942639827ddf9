"""One setting as a field of a form: its label, its help, what its component holds, and which fields come first."""

import re
from collections.abc import Sequence
from typing import Any

from haloforge.settings import Setting, as_text
from haloforge.ui.formatting import label, number

ESSENTIAL = {
    "data-prepare": ("dataset", "split", "language", "limit", "output"),
    "data-generate": ("prompts", "backend", "model", "samples", "verify", "output"),
    "sft": (
        "model.name",
        "data.train_file",
        "output_dir",
        "training.num_train_epochs",
        "training.learning_rate",
        "data.max_seq_length",
        "lora.r",
    ),
    "raft": (
        "sft_checkpoint",
        "prompts",
        "output_dir",
        "raft.num_cycles",
        "raft.samples_per_prompt",
        "generation.temperature",
        "generation.max_new_tokens",
    ),
    "benchmark": ("model", "prompts", "output", "samples", "k", "limit", "generation.temperature"),
    "release": ("model", "output", "format", "dtype", "type", "card"),
}
"""Stage -> the settings that matter in nearly every run; the others stand in groups."""
SECTIONS = {
    "model": "Model",
    "data": "Data",
    "training": "Training",
    "lora": "LoRA adapter",
    "raft": "Loop",
    "generation": "Sampling",
    "verifier": "Verifier",
    "evaluation": "Held-out evaluation",
    "where": "Where it runs",
    "": "Run",
}
"""Section of the config, or `where` -> heading of its group of fields."""
WHERE = (
    "training.launch",
    "verifier.cluster",
    "generation.backend",
    "generation.endpoint",
    "backend",
    "base_url",
    "endpoint",
)
"""Beginnings of the settings that say on which machines and processes work happens; empty, they mean this machine."""
EXAMPLES = {
    "split": "train",
    "language": "python",
    "limit": "all",
    "training.launch": "this machine, one process",
    "verifier.cluster": "this machine",
    "generation.endpoints": "this machine",
    "base_url": "the backend's usual one",
}
"""Setting -> placeholder of its field while it is empty."""
FACTS = "\u2003"
"""Between a name in a list of choices and what is known about it; no name holds this wide space."""
_LABELS = {
    "sft_checkpoint": "Start from",
    "data.train_file": "Training data",
    "data.max_seq_length": "Longest row, in tokens",
    "prompts": "Problems",
    "raft.keep_top_percent": "Share kept, 0 to 1",
    "raft.max_per_prompt": "Most kept per problem",
    "raft.samples_per_prompt": "Samples per problem",
    "evaluation.prompts": "Held-out problems",
    "evaluation.samples_per_prompt": "Held-out samples per problem",
    "evaluation.holdout": "Share of problems held out",
    "evaluation.limit": "Most held-out problems",
    "samples": "Samples per problem",
    "generation.batch_size": "Problems drawn together",
    "generation.load_in_4bit": "Sample in 4 bits",
    "lora.load_in_4bit": "Train in 4 bits",
    "training.num_train_epochs": "Epochs",
    "training.per_device_train_batch_size": "Batch size",
    "training.launch": "Started by",
    "verifier.cluster": "Ray cluster that judges",
    "generation.backend": "Checkpoint sampled by",
    "generation.endpoints": "vLLM servers",
    "cycles": "Changes of single cycles",
    "seeds": "Several seeds",
    "format": "Files",
    "dtype": "Precision of merged",
    "type": "Precision of GGUF",
    "card": "Model card",
}
"""Setting -> its label, where the key alone would say too little, or the same as another of the form."""
_AMBIGUOUS = ("name", "type")


def group_of(s: Setting) -> str:
    """The key in SECTIONS of the group that a setting stands in."""
    return "where" if s.path.startswith(WHERE) else s.path.rpartition(".")[0]


def heading(s: Setting) -> str:
    """The label of a setting; it begins with the section where the name alone is ambiguous (model name)."""
    section, _, name = s.path.rpartition(".")
    return _LABELS.get(s.path) or label(f"{section}_{name}" if name in _AMBIGUOUS and section else name)


def explain(s: Setting) -> str:
    """Help and bounds in one line."""
    low, high = s.minimum, s.maximum
    bounds = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
    if low is not None and high is None:
        bounds = f"at least {number(low)}"
    if s.takes_auto:
        bounds += ", or auto"
    text = s.help.rstrip()
    return f"{text} ({bounds})" if bounds else text


def in_labels(sentence: str, known: Sequence[Setting]) -> str:
    """A sentence about settings and flags, with the labels of the page instead: "Number of cycles" for raft.num_cycles.

    A name that is an ordinary word too (model) is a setting only where a reason follows it.
    """
    for s in sorted(known, key=lambda s: -len(s.path)):
        end = r"(?![\w.])" if "." in s.path else r"(?= should | cannot | is missing)"
        sentence = re.sub(rf"(?<![\w.-]){re.escape(s.path)}{end}", f'"{heading(s)}"', sentence)
        sentence = re.sub(rf"--{re.escape(s.flag)}(?![\w-])", f'"{heading(s)}"', sentence)
    return sentence


def is_picked(s: Setting) -> bool:
    """True for a setting whose value usually names something that exists already."""
    return s.kind in ("model", "problems") or (s.kind == "file" and not s.is_output)


def is_number(s: Setting) -> bool:
    """True for a setting that is one number; it is typed as text, so that it is kept as typed or refused."""
    return s.type in (int, float)


def shown(s: Setting, value: Any) -> Any:
    """A setting's value as its component holds it."""
    if isinstance(value, list | tuple):
        return as_text(value)
    if value is None and not s.choices:
        return ""
    if is_number(s) and not isinstance(value, str):
        return _number_text(value)
    return value


def clean_text(value: Any) -> str:
    """What a field for a text holds, without the facts of a choice."""
    return value.partition(FACTS)[0].strip() if isinstance(value, str) else ""


def clean(s: Setting, value: Any) -> Any:
    """A component's value as the config wants it. An empty field is None, or the default where None is not allowed."""
    if isinstance(value, str):
        value = clean_text(value)
    if value in ("", None, []):
        return None if s.optional or s.required or s.is_output else s.default
    if s.type is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def is_missing(s: Setting, value: Any) -> bool:
    """Whether a field that must hold something is empty. A number's default is never taken in silence."""
    must_hold = not s.optional and (is_number(s) or s.kind == "model")
    return (s.required and not s.is_output and clean(s, value) is None) or (must_hold and value in ("", None))


def _number_text(value: float) -> str:
    """As short as it was typed: 1e-05 as 1e-5, 3.0 as 3."""
    text = repr(value)
    if "e" in text:
        digits, _, power = text.partition("e")
        return f"{digits}e{int(power)}"
    return text.removesuffix(".0")
