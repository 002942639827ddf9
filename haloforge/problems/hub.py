"""Rows of a Hub dataset, streamed. The only place that imports `datasets`; code of a dataset is never run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from haloforge.errors import DataError
from haloforge.problems.sources import Source

TIMEOUT_S = 20


def newest_revision(source: Source) -> str:
    """The commit that will be read: the pinned one, or the newest. Raises DataError, offline within seconds."""
    from huggingface_hub import HfApi

    with _hub_errors(source.hub):
        found = HfApi().dataset_info(source.hub, revision=source.revision, timeout=TIMEOUT_S)
    return source.revision or found.sha or ""


def rows(source: Source, split: str, language: str | None, revision: str | None) -> Iterator[dict[str, Any]]:
    """The rows of one of our splits, in the dataset's own columns and order."""
    config = source.config(language)
    if source.data_files:
        path = f"hf://datasets/{source.hub}@{revision}/{source.data_files.format(config=config)}"
        return _stream(source.hub, "json", split="train", data_files=path)
    options: dict[str, Any] = {"columns": list(source.columns)} if source.columns else {}
    return _stream(
        source.hub, source.hub, name=config, split=source.splits[split], revision=revision or None, **options
    )


def answers(source: Source) -> Iterator[dict[str, Any]]:
    """The rows of the dataset with solutions to a source's problems; nothing for a source that has none."""
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
    """What the network and the Hub can answer, as one sentence that says what else to do."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (DatasetsError, HTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{hub} cannot be read from the Hub ({reason}); "
            "check the connection, or give the dataset's original file with --from FILE"
        ) from error
