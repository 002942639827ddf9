"""Results of seconds of work, kept in the user's cache folder under all that they follow from."""

import hashlib
import json
import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from haloforge.errors import ForgeError
from haloforge.files import read_text, write_text
from haloforge.models.embedded import cache_folder

_log = logging.getLogger(__name__)


def kept_file(folder: str, *key: Any) -> Path:
    """Where the result for these plain values is kept, in that folder of the cache."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / folder / f"{digest[:32]}.json"


def read_kept(file: Path) -> Any:
    """What was kept there before. Raises DataError where there is nothing."""
    return json.loads(read_text(file))


def keep(file: Path, result: Any) -> None:
    """Keep plain values for the next time; where that fails, the work is done again."""
    try:
        write_text(file, json.dumps(result))
    except ForgeError as error:
        _log.info("%s, so it is measured again next time", error)


def version_of(package: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
