"""Weights into memory: the only place that calls from_pretrained. Never runs code that came with a model."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from haloforge.cores import usable_cores
from haloforge.errors import ConfigError, MachineError, ModelError
from haloforge.models.checkpoints import EMBEDDED, lineage_of, resolve
from haloforge.models.embedded import embedded_folder
from haloforge.models.hub import download, quiet_transformers
from haloforge.records import Checkpoint

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase

Progress = Callable[[str], None]

FALLBACK_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% else %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"
)
"""For base models without a chat template: plain words only, so it needs no special token that they never saw.
It is saved with every checkpoint trained on such a model, so that training and generation use the same one."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory; `model` is a PeftModel when `checkpoint.is_adapter`."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    checkpoint: Checkpoint
    device: "torch.device"


def load(
    name: str,
    *,
    trainable: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    in_4bit: bool = False,
    progress: Progress = lambda line: None,
) -> LoadedModel:
    """Load a model by name. An adapter sits on its base, frozen unless `trainable`.

    `device` is cpu or cuda[:N], by default cuda where there is one. `dtype` is float32, bfloat16 or float16, by
    default float32 on a CPU (training in bf16 there loses accuracy and gains nothing), bfloat16 on a GPU that has it,
    else float16; a base `in_4bit` (CUDA only) computes in it. `model.config._name_or_path` is the name as resolved
    (never a cache folder), so that an adapter trained on it finds its base on another machine. Raises ModelError.
    """
    import torch

    limit_threads()
    checkpoint = resolve(name)
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if target.type == "cuda" and not torch.cuda.is_available():
        raise MachineError(f"The device {device} was asked for, but PyTorch finds no GPU; use cpu")
    tokenizer = load_tokenizer(name, progress=progress)
    model = _with_adapters(checkpoint, _dtype_for(target, dtype), trainable, in_4bit, progress)
    model = model if in_4bit else model.to(target)  # a base in 4 bits is loaded onto its device
    model.train(trainable)
    return LoadedModel(model, tokenizer, checkpoint, target)


def limit_threads() -> None:
    """Use at most the cores that this process may run on; never more threads than PyTorch has been set to.

    PyTorch counts the cores of the machine. In a container that is given two of sixty-four it would start sixty-four
    threads, which wait for each other most of the time.
    """
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def load_tokenizer(name: str, progress: Progress = lambda line: None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model, with a chat template and a pad token.

    Where the model has no pad token its end token is used: padding is masked by position everywhere in this project,
    never by id, so sharing the id loses nothing. Raises ModelError.
    """
    from transformers import AutoTokenizer

    quiet_transformers()
    folder = _tokenizer_folder(resolve(name), progress)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"The tokenizer of {name} cannot be loaded: {_first_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = FALLBACK_CHAT_TEMPLATE
    return tokenizer


def refuse_without_bitsandbytes(setting: str, instead: str) -> None:
    """Raises ConfigError that names what this machine lacks for a setting, and what to do instead."""
    import torch

    needed = {
        "a CUDA GPU": torch.cuda.is_available(),
        "the package bitsandbytes (pip install bitsandbytes)": find_spec("bitsandbytes") is not None,
    }
    missing = [name for name, is_there in needed.items() if not is_there]
    if missing:
        raise ConfigError(f"{setting} needs {' and '.join(missing)}, which this machine does not have; {instead}")


def four_bits(dtype: "torch.dtype") -> "BitsAndBytesConfig":
    """NF4 with double quantization, as QLoRA has it (Dettmers et al. 2023, arXiv:2305.14314); computes in `dtype`."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _with_adapters(
    checkpoint: Checkpoint, dtype: "torch.dtype", trainable: bool, in_4bit: bool, progress: Progress
) -> "PreTrainedModel":
    """The model of a checkpoint; the adapters below its own, if any, are merged into the base."""
    if not checkpoint.is_adapter:
        return _full_model(checkpoint, dtype, in_4bit, progress)
    lineage = lineage_of(Path(checkpoint.path))
    if in_4bit and len(lineage.adapters) > 1:
        raise ModelError(
            f"{checkpoint.path} is an adapter on an adapter, and nothing can be merged into a base in 4 bits: "
            "merge it first (halo-forge models merge)"
        )
    model: Any = _full_model(resolve(lineage.root), dtype, in_4bit, progress)
    for folder in reversed(lineage.adapters[1:]):
        model = _with_adapter(model, folder, trainable=False).merge_and_unload(safe_merge=True)
        model.config._name_or_path = model.name_or_path = str(folder)
    return cast("PreTrainedModel", _with_adapter(model, lineage.adapters[0], trainable=trainable))


def _full_model(checkpoint: Checkpoint, dtype: "torch.dtype", in_4bit: bool, progress: Progress) -> "PreTrainedModel":
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    quiet_transformers()
    folder = _folder(checkpoint, progress, weights=True)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            quantization_config=four_bits(dtype) if in_4bit else None,
            attn_implementation="sdpa",
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"The model {checkpoint.path} cannot be loaded: {_first_line(error)}") from error
    if report["missing_keys"]:  # transformers would go on with random numbers in their place
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"The model {checkpoint.path} is incomplete: its weights lack {missing}")
    model.config._name_or_path = model.name_or_path = checkpoint.path
    return cast("PreTrainedModel", model)


def _with_adapter(model: "PreTrainedModel", folder: Path, *, trainable: bool) -> Any:
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"The adapter {folder} does not fit its base {model.name_or_path}: {_first_line(error)}"
        ) from error


def _tokenizer_folder(checkpoint: Checkpoint, progress: Progress) -> Path:
    """An adapter that was saved without its tokenizer uses the one of its base."""
    if not checkpoint.is_adapter:
        return _folder(checkpoint, progress, weights=False)
    lineage = lineage_of(Path(checkpoint.path))
    with_tokenizer = [folder for folder in lineage.adapters if (folder / "tokenizer_config.json").is_file()]
    return with_tokenizer[0] if with_tokenizer else _folder(resolve(lineage.root), progress, weights=False)


def _folder(checkpoint: Checkpoint, progress: Progress, *, weights: bool) -> Path:
    if checkpoint.path == EMBEDDED:
        return embedded_folder(progress)
    if Path(checkpoint.path).is_dir():
        return Path(checkpoint.path)
    progress(f"Fetching {checkpoint.path} from the Hub")
    return download(checkpoint.path, weights=weights)


def _dtype_for(device: "torch.device", asked: str | None) -> "torch.dtype":
    import torch

    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if asked is not None and asked not in known:
        raise ModelError(f"Unknown dtype {asked!r}; use one of {', '.join(known)}")
    if asked is not None:
        return known[asked]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
