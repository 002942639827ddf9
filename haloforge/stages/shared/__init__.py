"""What several stages share: recorded phases, sampling with verification, scores, costs, energy, provenance."""
