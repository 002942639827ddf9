"""Prompts in, samples out: prompts and code extraction, the local engine, and clients of generation servers."""
