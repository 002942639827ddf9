"""The licence of a base model, as its own files say it."""

from pathlib import Path
from typing import Any

from haloforge import yaml_text
from haloforge.files import file_errors, read_text
from haloforge.models.lineage import EMBEDDED, lineage_of

EMBEDDED_ON_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Where the weights of the embedded model come from; there they are not rounded to four bits."""
_EMBEDDED_LICENCE = "apache-2.0"
"""As `general.license` in its GGUF says; reading that takes half a minute."""


def base_licence(name: str) -> str:
    """The licence (as the Hub writes it: apache-2.0) of the full model below `name`; "" where none is recorded.

    It stands in the README of the model's folder. Raises ModelError for what is no model.
    """
    root = lineage_of(name).root
    if root.name == EMBEDDED:
        return _EMBEDDED_LICENCE
    front = _front_matter(root.folder / "README.md") if root.folder else {}
    found = front.get("license_name") if front.get("license") == "other" else front.get("license")
    return found if isinstance(found, str) else ""


def _front_matter(readme: Path) -> dict[str, Any]:
    import yaml

    if not readme.is_file():
        return {}
    with file_errors(readme):
        _, fence, rest = read_text(readme).partition("---\n")
    try:
        front = yaml_text.load(rest.partition("\n---")[0]) if fence else {}
    except yaml.YAMLError:  # somebody else's file: what cannot be read says nothing
        return {}
    return front if isinstance(front, dict) else {}
