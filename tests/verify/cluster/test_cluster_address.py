"""What is refused before Ray is asked anything: each in one sentence."""

import importlib.util

import pytest

from haloforge.errors import VerifierError
from haloforge.verify import VerifySettings, open_verifier


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("10.0.0.1:6379", "RAY_AUTH_MODE=token"),
        ("ray://127.0.0.1:10001", "is no HOST:PORT"),
        ("somewhere", "is no HOST:PORT"),
        ("auto", "RAY_ADDRESS is not set"),
    ],
)
def test_an_address_that_cannot_be_joined_is_refused(monkeypatch: pytest.MonkeyPatch, cluster: str, said: str) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(VerifierError, match=said):
        open_verifier(VerifySettings(cluster=cluster))


def test_without_ray_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(VerifierError, match=r"pip install 'halo-forge\[cluster\]'"):
        open_verifier(VerifySettings(cluster="127.0.0.1:6379"))


def test_custom_commands_are_refused() -> None:
    with pytest.raises(VerifierError, match="does not take custom commands"):
        open_verifier(VerifySettings(type="custom", command="true", cluster="127.0.0.1:6379"))


def test_a_port_where_nobody_listens_is_one_sentence() -> None:
    pytest.importorskip("ray")
    with pytest.raises(VerifierError, match="no Ray cluster can be joined at 127.0.0.1:1 "):
        open_verifier(VerifySettings(cluster="127.0.0.1:1"))
