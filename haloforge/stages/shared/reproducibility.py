"""Random choices that depend on what is chosen, not on when."""

import hashlib


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2**31) that depends on every part, and on nothing else."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 33
