"""From the verifier section of a config to the verifier's own settings."""

from haloforge.config import VerifierSection
from haloforge.verify.settings import VerifySettings

_LANGUAGE_OF = {"gcc": "cpp", "clang": "cpp", "mingw": "cpp", "rust": "rust", "go": "go"}


def verify_settings(section: VerifierSection) -> VerifySettings:
    """The same choices in the verifier's words."""
    return VerifySettings(
        name=section.type,
        reward=section.reward,
        partial=section.partial,
        run=section.run_after_compile,
        time_limit_s=section.time_limit_s,
        memory_mb=section.memory_mb,
        workers=section.workers,
        allow_unsafe=section.allow_unsafe,
        command=section.command,
        readable=section.readable,
        unforgeable=section.unforgeable,
    )


def default_language(section: VerifierSection) -> str:
    """The language of problems that name none: what the chosen compiler compiles, else Python."""
    return _LANGUAGE_OF.get(section.type, "python")
