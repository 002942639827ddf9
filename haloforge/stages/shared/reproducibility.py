"""What makes a run repeatable: seeds that depend on what is drawn, and settings and problems that stay as recorded."""

import hashlib
from collections.abc import Iterable

from haloforge.errors import RunError
from haloforge.records import Problem, dumps
from haloforge.settings import StageConfig, values
from haloforge.stages.shared.phases import once
from haloforge.store import Report

MAY_CHANGE = frozenset(
    {
        "verifier.workers",
        "verifier.cluster",
        "overwrite",
        "report_to",
        "generation.save_every",
        "generation.cache_memory",
        "generation.endpoints",
    }
)
"""Settings that change no sample and no verdict, floating-point noise aside: a run may go on with others."""

_BEFORE = {"generation.backend": "local"}
"""What runs did, of whose records some are older than the setting."""


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2**31) that depends on every part and on nothing else, such as when or in which order it is asked.

    Sorting by it draws at random.
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 33


def fingerprint(problems: Iterable[Problem]) -> str:
    """SHA-256 over everything that the problems say, in their order."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(dumps(problem.to_json()).encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()


def hold_settings(report: Report, config: StageConfig, problems: Iterable[Problem]) -> None:
    """Record settings and problems when a run starts; refuse to resume it with others.

    Raises RunError that names what changed.
    """
    now = {name: value for name, value in values(config).items() if name not in MAY_CHANGE}
    now |= {name: list(value) for name, value in now.items() if isinstance(value, tuple)}  # as JSON gives it back
    now["the problems"] = fingerprint(problems)
    then = once(report, 0, "plan", lambda: {"settings": now}).findings["settings"]
    then = {name: value for name, value in _BEFORE.items() if name in now} | then
    held = sorted(then.keys() - MAY_CHANGE)  # a newer version may know more settings, or hold fewer
    changed = [name for name in held if then[name] != now.get(name)]
    if changed:
        raise RunError(
            f"run {report.run_id} cannot go on: {', '.join(changed)} changed since it started, and old and new samples "
            "must not be mixed; undo the change, or start a new run"
        )
