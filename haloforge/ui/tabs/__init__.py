"""The tabs: what is on each of them and what its buttons do. SFT, RAFT and Benchmark are one module, `stage`."""
