"""Serving: this machine only unless told otherwise, and a Space changes nothing."""

import socket

import pytest

from haloforge.config import AppConfig
from haloforge.errors import ConfigError
from haloforge.ui import space, studio, theme


def test_this_machine_needs_no_login() -> None:
    studio.check_address(AppConfig())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_an_open_address_without_a_login_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=f"{host} can be reached by others"):
        studio.launch(AppConfig(host=host))


def test_an_open_address_goes_with_a_login_or_when_insisted_upon() -> None:
    studio.check_address(AppConfig(host="0.0.0.0", auth="me:secret"))
    studio.check_address(AppConfig(host="0.0.0.0", insecure=True))


def test_a_port_that_another_program_holds_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be listened on"):
            studio.serve(None, AppConfig(port=port))  # type: ignore[arg-type]


@pytest.mark.parametrize("auth", ["me", "me:", ":secret", ""])
def test_a_login_has_two_parts(auth: str) -> None:
    with pytest.raises(ConfigError, match="USER:PASSWORD"):
        studio.check_address(AppConfig(auth=auth))


def test_a_password_may_hold_a_colon() -> None:
    assert studio.login(AppConfig(auth="me:a:b")) == ("me", "a:b")


def test_a_space_is_read_only_and_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert space.caps().models is None
    monkeypatch.setenv("SPACE_ID", "someone/demo")
    assert space.caps().models == ("smollm2-135m",) and space.caps().max_new_tokens <= 512
    assert space.address().host == "0.0.0.0"


def test_nothing_of_the_look_comes_from_elsewhere() -> None:
    assert "http" not in theme.css() and "http" not in theme.head().replace("https://", "")
    assert theme.plotly_js().is_file()
    assert not [font for font in theme.theme()._font if "Google" in type(font).__name__]
