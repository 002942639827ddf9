"""One record per language, and one per compiler: a new language is written here. Facts only, standard library only.

What this machine has of it is asked in `haloforge.verify.toolchains`; what a language does by code of its own (Go's
import lists, Rust's crates) is an adapter in `haloforge.verify.compiled`, named by its compiler's record.
"""

from haloforge.errors import VerifierError
from haloforge.languages.compiler import COMPILERS, FAST_LINKERS, Compiler
from haloforge.languages.language import LANGUAGES, Language
from haloforge.languages.probes import REPORT as PROBE_REPORT

__all__ = [
    "COMPILERS",
    "FAST_LINKERS",
    "LANGUAGES",
    "PROBE_REPORT",
    "Compiler",
    "Language",
    "compiler_for",
    "default_language",
    "language_of",
    "verifiers",
]


def language_of(name: str) -> Language:
    """The record of a language by its name or an alias, in any case; an unknown language has one without facts."""
    lowered = name.lower()
    by_alias = (language for language in LANGUAGES.values() if lowered in language.aliases)
    known = LANGUAGES.get(lowered) or next(by_alias, None)
    return known or Language(name=lowered, display_name=name)


def verifiers() -> dict[str, str]:
    """Every verifier by name, with one line for people."""
    lines = {
        "auto": "by each problem's language",
        "python": "Python: asserts, check functions, pytest, stdin and stdout",
    }
    for compiler in COMPILERS.values():
        siblings = [other for other in COMPILERS.values() if other.verifier == compiler.verifier]
        languages = " and ".join(LANGUAGES[sibling.language].display_name for sibling in siblings)
        commands = " and ".join(sibling.command for sibling in siblings)
        lines.setdefault(compiler.verifier, compiler.note or f"{languages} by {commands}")
    return lines | {"custom": "a command of your own: its exit code, or a JSON line it prints, is the verdict"}


def compiler_for(verifier: str, language: str) -> Compiler | None:
    """The compiler that a verifier uses for programs in a language; None for Python, which needs none.

    Raises VerifierError where the verifier does not take that language.
    """
    known = language_of(language)
    chosen = known.verifier if verifier == "auto" else verifier
    if chosen == "python" and known.name == "python":
        return None
    for compiler in COMPILERS.values():
        if compiler.verifier == chosen and compiler.language == known.name:
            return compiler
    others = ", ".join(name for name in verifiers() if name != "auto")
    raise VerifierError(f"verifier {verifier!r} does not take {language!r} programs; use auto, or one of {others}")


def default_language(verifier: str) -> str:
    """The language of problems that name none: what the verifier's compiler compiles, else Python."""
    compilers = (compiler for compiler in COMPILERS.values() if compiler.verifier == verifier)
    return next((compiler.language for compiler in compilers), "python")
