"""Training, the only place that imports trl: rows and samples to examples, examples to an adapter, RAFT's losses."""
