"""A checkpoint as one GGUF file, as llama.cpp, Ollama and LM Studio read it."""

from haloforge.models.gguf.precision import GGUF_TYPES
from haloforge.models.gguf.writing import export_gguf

__all__ = ["GGUF_TYPES", "export_gguf"]
