"""Streams the rows of Hub datasets. The only module that imports `datasets`; it never runs code of a dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from haloforge.errors import DataError, first_line
from haloforge.problems.sources import Source

TIMEOUT_S = 20
"""How long one question about a dataset may take."""


def newest_revision(source: Source) -> str:
    """The commit to read: the source's pinned one, or the newest. Raises DataError, within seconds when offline."""
    from huggingface_hub import HfApi

    with _hub_errors(source.hub):
        info = HfApi().dataset_info(source.hub, revision=source.revision, timeout=TIMEOUT_S)
    return source.revision or info.sha or ""


def dataset_rows(source: Source, split: str, language: str | None, revision: str | None) -> Iterator[dict[str, Any]]:
    """The rows of a split (one of our split names), in the dataset's own columns and order."""
    config = source.config(language)
    if source.data_files:
        path = f"hf://datasets/{source.hub}@{revision}/{source.data_files.format(config=config)}"
        return _stream(source.hub, "json", split="train", data_files=path)
    options: dict[str, Any] = {"columns": list(source.columns)} if source.columns else {}
    return _stream(
        source.hub, source.hub, name=config, split=source.splits[split], revision=revision or None, **options
    )


def solution_rows(source: Source) -> Iterator[dict[str, Any]]:
    """The rows of the second dataset, which holds solutions to the source's problems; empty where there is none."""
    if source.answers is None:
        return iter(())
    hub, config = source.answers
    columns = ["id", "generation", "finish_reason"]
    return _stream(hub, hub, name=config, split="train", columns=columns)


def _stream(hub: str, path: str, **options: Any) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset

    with _hub_errors(hub):
        yield from load_dataset(path, streaming=True, **options)


@contextmanager
def _hub_errors(hub: str) -> Iterator[None]:
    """Turns errors of the network and of the Hub into a DataError that says what the user can do instead."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (DatasetsError, HTTPError, OSError, ValueError) as error:
        raise DataError(
            f"{hub} cannot be read from the Hub ({first_line(error)}); "
            "check the connection, or give the dataset's original file with --from FILE"
        ) from error
