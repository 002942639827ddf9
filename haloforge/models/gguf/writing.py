"""The file itself: header, then one tensor after another, so that no second copy of the weights is in memory."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.errors import MachineError, ModelError
from haloforge.models.ending import turn_end_ids
from haloforge.models.gguf.architecture import architecture_of, describe, reordered, rope_factors
from haloforge.models.gguf.k_quants import quantize_file
from haloforge.models.gguf.modelfile import modelfile
from haloforge.models.gguf.precision import K_QUANTS, quantized, refuse_type, size_of, type_for
from haloforge.models.gguf.vocabulary import describe_vocabulary, vocabulary_of
from haloforge.models.loading import LoadedModel, Progress
from haloforge.models.merging import load_merged, metadata_of
from haloforge.models.metadata import building, write_metadata
from haloforge.models.skeleton import without_weights

if TYPE_CHECKING:
    import numpy as np
    import torch
    from gguf import GGMLQuantizationType, GGUFWriter
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_GENERATION_TAGS = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
"""They mark what a model is trained on, add nothing to the text, and other readers of templates do not know them."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One tensor of the file; `source` is transformers' name, empty for what is computed from the config."""

    name: str
    source: str
    shape: tuple[int, ...]
    kind: "GGMLQuantizationType"


def export_gguf(name: str, output: str | Path, *, kind: str = "f16", progress: Progress = lambda line: None) -> Path:
    """Write any checkpoint as a folder with one GGUF file and the `Modelfile` that Ollama makes a model of.

    `kind` is one of GGUF_TYPES; adapters are merged in fp32 first. Returns the GGUF file, named after the folder.
    Raises ModelError for what llama.cpp could not read or would compute differently, or when `output` is taken.
    """
    refuse_type(kind)
    folder = Path(output).expanduser()
    with building(folder) as partial:
        loaded = load_merged(name, progress=progress)
        file = partial / f"{folder.resolve().name}-{kind.upper()}.gguf"
        progress(f"Writing {folder / file.name}")
        if kind in K_QUANTS:
            whole = partial / "f16.gguf"
            write_gguf(loaded, whole, "f16")
            quantize_file(whole, file, kind)
            whole.unlink()
        else:
            write_gguf(loaded, file, kind)
        (partial / "Modelfile").write_text(modelfile(loaded, file.name))
        write_metadata(partial, metadata_of(loaded.checkpoint))
    return folder / file.name


def write_gguf(loaded: LoadedModel, file: Path, kind: str) -> None:
    """Write a plain model (no adapter on it) that is in memory. Raises ModelError; MachineError for a full disk."""
    from gguf import GGUFWriter

    architecture = architecture_of(loaded.model.config)
    vocabulary = vocabulary_of(loaded.tokenizer, loaded.model.get_input_embeddings().weight.shape[0])
    writer = GGUFWriter(file, architecture.name)
    writer.add_type("model")
    writer.add_name(Path(loaded.checkpoint.base_model).name)
    writer.add_file_type(_file_type(kind))
    writer.add_quantization_version(2)  # of the block formats; there has been no other since 2023
    describe(writer, loaded.model.config)
    describe_vocabulary(writer, loaded.tokenizer, vocabulary)
    _describe_ends(writer, loaded.tokenizer)
    try:
        _write_tensors(writer, loaded, list(_tensors(loaded.model, kind)))
    finally:
        writer.close()


def _write_tensors(writer: "GGUFWriter", loaded: LoadedModel, tensors: list[_Tensor]) -> None:
    import numpy as np

    needed = sum(size_of(tensor.shape, tensor.kind) for tensor in tensors)
    if shutil.disk_usage(writer.path.parent).free < needed:
        raise MachineError(f"No space left for {writer.path.name}, which takes {needed / 1e9:.1f} GB; free some first")
    for tensor in tensors:
        dtype = np.float16 if tensor.kind.name == "F16" else np.float32
        writer.add_tensor_info(tensor.name, tensor.shape, dtype, size_of(tensor.shape, tensor.kind), tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    weights = loaded.model.state_dict()
    for tensor in tensors:
        data = _values(tensor, weights, loaded)
        try:
            writer.write_tensor_data(quantized(tensor.name, data, tensor.kind))
        except OSError as error:
            if error.errno is not None:
                raise
            raise MachineError(f"The disk took only a part of {tensor.name}: {error}") from error  # numpy's own words


def _values(tensor: _Tensor, weights: "dict[str, torch.Tensor]", loaded: LoadedModel) -> "np.ndarray":
    if not tensor.source:
        factors = rope_factors(loaded.model.config)
        assert factors is not None
        return factors
    return reordered(tensor.source, weights[tensor.source].float().numpy(), loaded.model.config)


def gguf_size(config_folder: Path, kind: str) -> int:
    """Bytes of the tensors of such a file, from the config alone; the vocabulary adds some megabytes."""
    from transformers import AutoConfig

    model = without_weights(AutoConfig.from_pretrained(config_folder))
    return sum(size_of(tensor.shape, tensor.kind) for tensor in _tensors(model, kind))


def _tensors(model: "PreTrainedModel", wanted: str) -> Iterator[_Tensor]:
    """All tensors of the file in its order. Raises ModelError for a weight that the architecture does not have."""
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

    config = model.config
    architecture = architecture_of(config).name
    number = next(arch for arch in MODEL_ARCH if MODEL_ARCH_NAMES[arch] == architecture)
    names = get_tensor_name_map(number, config.num_hidden_layers)
    if (factors := rope_factors(config)) is not None:
        yield _Tensor("rope_freqs.weight", "", factors.shape, type_for("rope_freqs.weight", factors.shape, wanted))
    for source, weight in model.state_dict().items():
        if source == "lm_head.weight" and config.tie_word_embeddings:
            continue  # llama.cpp uses the embeddings where there is no output tensor
        name = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ModelError(f"llama.cpp's {architecture} has no place for the weight {source}; use --format merged")
        shape = tuple(weight.shape)
        yield _Tensor(name, source, shape, type_for(name, shape, wanted))


def _file_type(kind: str) -> int:
    from gguf import LlamaFileType

    names = {"f32": "ALL_F32", "mxfp4": "MOSTLY_MXFP4_MOE"}  # the latter is the only name that there is
    return int(LlamaFileType[names.get(kind, f"MOSTLY_{kind.upper()}")])


def _describe_ends(writer: "GGUFWriter", tokenizer: "PreTrainedTokenizerBase") -> None:
    """The special tokens and the chat template. A file without them would never stop, or not know whose turn it is."""
    for token, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (min(turn_end_ids(tokenizer), default=None), writer.add_eot_token_id),
    ):
        if token is not None:
            add(token)
    writer.add_chat_template(_GENERATION_TAGS.sub("", tokenizer.chat_template))
