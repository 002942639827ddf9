"""Whether a verifier fits the problems that it is to judge."""

from haloforge.config import VerifySettings

_LANGUAGE_OF = {"gcc": "cpp", "clang": "cpp", "mingw": "cpp", "rust": "rust", "go": "go"}


def default_language(section: VerifySettings) -> str:
    """The language of problems that name none: what the chosen compiler compiles, else Python."""
    return _LANGUAGE_OF.get(section.type, "python")
