"""A checkpoint behind OpenAI's HTTP API, for the tools that speak it.

`transformers serve` loads no adapters and needs the package `openai`; this one samples with the engine of benchmarks.
"""
