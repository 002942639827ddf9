"""halo-forge: train code-generation models with verification."""

__version__ = "0.1.0"
