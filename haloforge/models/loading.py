"""Weights into memory: the only place that calls from_pretrained. Never runs code that came with a model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from haloforge.cores import usable_cores
from haloforge.errors import ConfigError, MachineError, ModelError, first_line
from haloforge.models.checkpoints import resolve
from haloforge.models.embedded import embedded_folder
from haloforge.models.hub import HubName, cached_snapshot, fetch_configs, fetch_weights, quiet_transformers
from haloforge.models.lineage import EMBEDDED, Lineage, Link, lineage_of
from haloforge.models.stored import stored_dtype
from haloforge.records import Checkpoint

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
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
    else float16; `stored` is the one of the files. A base `in_4bit` (CUDA only) computes in it.
    `model.config._name_or_path` is the name as resolved (never a cache folder, nor with a revision), so that an
    adapter trained on it finds its base on another machine.
    Raises ModelError.
    """
    import torch

    limit_threads()
    name = fetched(name, progress)
    checkpoint = resolve(name)
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if target.type == "cuda" and not torch.cuda.is_available():
        raise MachineError(f"The device {device} was asked for, but PyTorch finds no GPU; use cpu")
    tokenizer = load_tokenizer(name, progress=progress)
    model = _with_adapters(lineage_of(name), _dtype_for(target, dtype), trainable, in_4bit, progress)
    model = model if in_4bit else model.to(target)  # a base in 4 bits is loaded onto its device
    model.train(trainable)
    return LoadedModel(model, tokenizer, checkpoint, target)


def load_tokenizer(name: str, progress: Progress = lambda line: None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model, with a chat template and a pad token.

    Where the model has no pad token its end token is used: padding is masked by position everywhere in this project,
    never by id, so sharing the id loses nothing. Raises ModelError.
    """
    from transformers import AutoTokenizer

    quiet_transformers()
    folder = _tokenizer_folder(lineage_of(fetched(name, progress)), progress)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"The tokenizer of {name} cannot be loaded: {first_line(error)}") from error
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


def limit_threads() -> None:
    """Use at most the cores that this process may run on; never more threads than PyTorch has been set to.

    PyTorch counts the cores of the machine. In a container that is given two of sixty-four it would start sixty-four
    threads, which wait for each other most of the time.
    """
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def usual_dtype() -> str:
    """The name of the number format that models have here when nothing else is asked for."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return str(_dtype_for(device, None)).removeprefix("torch.")


def fetched(name: str, progress: Progress = lambda line: None) -> str:
    """The name with a Hub model's commit in it, once everything that tells what it is lies on this machine.

    That is configs and tokenizers, no weights, of the model and of the bases below it; a name that is not of the Hub
    stays as it is. Raises ModelError, one sentence: missing, private, gated, offline, or no model.
    """
    hub = lineage_of(name).links[0].hub
    if hub and not hub.is_pinned:
        name = f"{hub.repo}@{_fetch_configs(hub, progress).name}"
    known: set[HubName] = set()
    while missing := {link.hub for link in lineage_of(name).links if link.hub} - known:
        for base in missing:
            _fetch_configs(base, progress)
        known |= missing
    for link in lineage_of(name).links:
        if link.hub and link.folder is None:
            raise ModelError(f"{link.id} holds no model: there is no config.json or adapter_config.json in it")
    return name


def _fetch_configs(name: HubName, progress: Progress) -> Path:
    if cached_snapshot(name) is None:
        progress(f"Fetching {name} from the Hub")
    return fetch_configs(name)


def _with_adapters(
    lineage: Lineage, dtype: "torch.dtype | None", trainable: bool, in_4bit: bool, progress: Progress
) -> "PreTrainedModel":
    """The model of a lineage; the adapters below its top one, if any, are merged into the base."""
    if in_4bit and len(lineage.adapters) > 1:
        raise ModelError(
            f"{lineage.links[0].name} is an adapter on an adapter, and nothing can be merged into a base in 4 bits: "
            "merge it first (halo-forge models merge)"
        )
    model: Any = _full_model(lineage.root, dtype, in_4bit, progress)
    for below, adapter in pairwise(reversed(lineage.links)):
        is_top = adapter is lineage.links[0]
        model = _with_adapter(model, adapter, below, trainable=trainable and is_top, progress=progress)
        if not is_top:
            model = model.merge_and_unload(safe_merge=True)
            model.config._name_or_path = model.name_or_path = adapter.id
    return cast("PreTrainedModel", model)


def _full_model(link: Link, dtype: "torch.dtype | None", in_4bit: bool, progress: Progress) -> "PreTrainedModel":
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    quiet_transformers()
    folder = _folder(link, progress, weights=True)
    dtype = dtype or stored_dtype(folder)
    read = partial(
        AutoModelForCausalLM.from_pretrained,
        folder,
        dtype=dtype,
        quantization_config=four_bits(dtype) if in_4bit else None,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    try:
        try:
            model, report = read(attn_implementation="sdpa")
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            model, report = read(attn_implementation="eager")  # CodeGen, Bloom, Gemma 2
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"The model {link.name} cannot be loaded: {first_line(error)}") from error
    if report["missing_keys"]:  # transformers would go on with random numbers in their place
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"The model {link.name} is incomplete: its weights lack {missing}")
    model.config._name_or_path = model.name_or_path = link.id
    return cast("PreTrainedModel", model)


def _with_adapter(
    model: "PreTrainedModel", adapter: Link, below: Link, *, trainable: bool, progress: Progress
) -> "PeftModel":
    from peft import PeftModel
    from safetensors import SafetensorError

    folder = _folder(adapter, progress, weights=True)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"The adapter {adapter.name} does not fit its base {below.name}: {first_line(error)}"
        ) from error
    name_base_commit(adapted, below.revision)
    return adapted


def name_base_commit(adapted: "PeftModel", commit: str) -> None:
    """Have an adapter name the commit of its base on the Hub when it is saved; "" leaves it as it is."""
    if commit:
        adapted.peft_config["default"].revision = commit


def _tokenizer_folder(lineage: Lineage, progress: Progress) -> Path:
    """An adapter that was saved without its tokenizer uses the one of its base."""
    folders = [link.folder for link in lineage.adapters if link.folder]
    with_tokenizer = [folder for folder in folders if (folder / "tokenizer_config.json").is_file()]
    return with_tokenizer[0] if with_tokenizer else _folder(lineage.root, progress, weights=False)


def fetched_folder(link: Link, progress: Progress = lambda line: None) -> Path:
    """The folder of one link of a lineage, its weights on this machine. Raises ModelError."""
    return _folder(link, progress, weights=True)


def _folder(link: Link, progress: Progress, *, weights: bool) -> Path:
    if link.name == EMBEDDED:
        return embedded_folder(progress)
    assert link.folder is not None, "what was never fetched is not loaded"
    if weights and link.hub:
        if not any(link.folder.glob("*.safetensors")):
            progress(f"Fetching the weights of {link.name} from the Hub")
        fetch_weights(HubName(link.id, link.revision), link.place)
    return link.folder


def _dtype_for(device: "torch.device", asked: str | None) -> "torch.dtype | None":
    """None stands for the number format of the files."""
    import torch

    if asked == "stored":
        return None
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if asked is not None and asked not in known:
        raise ModelError(f"Unknown dtype {asked!r}; use one of {', '.join(known)}")
    if asked is not None:
        return known[asked]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
