"""One module per tab: what stands on it and what its buttons do."""
