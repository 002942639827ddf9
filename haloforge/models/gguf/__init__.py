"""A checkpoint as one GGUF file, as llama.cpp, Ollama and LM Studio read it."""

from haloforge.models.gguf.precision import GGUF_TYPES, refuse_type
from haloforge.models.gguf.writing import export_gguf, gguf_size

__all__ = ["GGUF_TYPES", "export_gguf", "gguf_size", "refuse_type"]
