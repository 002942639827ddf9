"""The data stages: prepare a dataset, let a model generate answers, validate a file."""
