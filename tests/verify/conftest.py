"""One engine for every test of verification: starting it is the slow part, and sharing it is how it is used."""

from collections.abc import Iterator

import pytest

from haloforge.verify import Verifier, VerifySettings, open_verifier


@pytest.fixture(scope="session")
def verifier() -> Iterator[Verifier]:
    """Two workers and a short time limit."""
    with open_verifier(VerifySettings(workers=2, time_limit_s=2.0)) as opened:
        yield opened
