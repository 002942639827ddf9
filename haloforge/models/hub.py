"""What we ask of Hugging Face's libraries besides models: names, their local cache, to fetch, and to be quiet.

Fetched are safetensors, tokenizer and configs only, never code or pickles.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

from haloforge.errors import ModelError, first_line

_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "README.md")
"""The README says the licence."""
_WEIGHTS = "*.safetensors"
_ID = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>\w[\w./+-]*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KNOWN_BY = ("adapter_config.json", "config.json", "haloforge.json")
"""One of these is in every model that we can use, at its top or in `final_model`."""


class HubName(NamedTuple):
    """`org/name`, or `org/name@revision` for a branch, a tag or a commit; no revision is the default branch."""

    repo: str
    revision: str = ""

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """None for what cannot be a Hub id."""
        match = _ID.fullmatch(name)
        return cls(match["repo"], match["revision"] or "") if match else None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return _COMMIT.fullmatch(self.revision) is not None


def cached_snapshot(name: HubName) -> Path | None:
    """The folder of the Hub's local cache with this revision, named after its commit; None where there is none."""
    from huggingface_hub import constants, try_to_load_from_cache

    with _hub_errors(name):
        for file in (f"{place}{file}" for place in ("", "final_model/") for file in _KNOWN_BY):
            found = try_to_load_from_cache(name.repo, file, constants.HF_HUB_CACHE, name.revision or None)
            if isinstance(found, str):
                return Path(found).parents[file.count("/")]
    return None


@cache
def fetch_configs(name: HubName) -> Path:
    """The snapshot folder of a Hub model with its configs and tokenizer; works offline for cached ones.

    What a branch stands for is asked once in a process, so that all of it works with one commit. Raises ModelError:
    unknown, private or gated, unreachable.
    """
    return _snapshot(name, list(_SMALL_FILES))


def forget_fetched() -> None:
    """Ask the Hub anew what its branches stand for."""
    fetch_configs.cache_clear()


def fetch_weights(name: HubName, folder: str) -> None:
    """Bring the weights of a Hub model into the snapshot of its commit, the revision of `name`.

    `folder` is where they are in it, "" for its top. Raises ModelError, also when there are no safetensors.
    """
    snapshot = _snapshot(name, [f"{folder}/{_WEIGHTS}"] if folder else [_WEIGHTS], None if folder else ["*/*"])
    if not any((snapshot / folder).glob(_WEIGHTS)):
        raise ModelError(f"{name} has no safetensors weights; pickled weights are not loaded, so choose another model")


def quiet_transformers() -> None:
    """Keep transformers' progress bars and advice out of the terminal and the run's log; errors still show."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _snapshot(name: HubName, patterns: list[str], ignored: list[str] | None = None) -> Path:
    from huggingface_hub import snapshot_download

    with _hub_errors(name):
        found = snapshot_download(
            name.repo, revision=name.revision or None, allow_patterns=patterns, ignore_patterns=ignored
        )
    return Path(found)


@contextmanager
def _hub_errors(name: HubName) -> Iterator[None]:
    """Turns what can go wrong with the Hub into a ModelError that says what the user can do."""
    from huggingface_hub import errors

    repo = name.repo
    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{repo} is gated: accept its licence at https://huggingface.co/{repo}, then run: hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hub has no model {repo} that you can see; check the spelling, or run: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"{repo} has no revision {name.revision!r} on the Hub; name a branch, tag or commit"
        ) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{repo!r} cannot be a Hub id: {first_line(error)}") from error
    except errors.HfHubHTTPError as error:
        raise ModelError(f"The Hub refused {name}: HTTP {error.response.status_code}; try again later") from error
    except (errors.LocalEntryNotFoundError, errors.HTTPError, ConnectionError) as error:
        raise ModelError(
            f"{name} is not in the local cache and the Hub cannot be reached; check the connection, or use smollm2-135m"
        ) from error
