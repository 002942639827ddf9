"""Names of models in the Playground."""

import pytest

from haloforge.errors import ConfigError
from haloforge.ui.model_names import ModelName, parse, written


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("models/sft/final_model", ModelName("local", "models/sft/final_model")),
        ("org/model@v1", ModelName("local", "org/model@v1")),
        ("ollama:qwen2.5-coder:7b", ModelName("ollama", "qwen2.5-coder:7b")),
        ("anthropic:some-model", ModelName("anthropic", "some-model")),
        ("openai:org/m@https://host:8000/v1", ModelName("openai", "org/m", "https://host:8000/v1")),
    ],
)
def test_a_name_says_where_the_model_is(text: str, name: ModelName) -> None:
    assert parse(text) == name


def test_what_is_written_is_read_again() -> None:
    assert parse(written("openai", " m ", "http://h:1/v1 ")) == ModelName("openai", "m", "http://h:1/v1")


@pytest.mark.parametrize("parts", [("ollama", "", ""), ("openai", "m", "host:8000"), ("openai", "m", "http://")])
def test_what_names_nothing_is_refused(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError):
        written(*parts)
