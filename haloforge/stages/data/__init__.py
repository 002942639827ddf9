"""The data stage: prepare a dataset, let a model generate answers, validate a file."""
