"""Sending a folder to the Hugging Face Hub through its own client.

The token is the client's affair: it takes HF_TOKEN, or what `hf auth login` stored. Nothing here reads, keeps or prints
one.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from haloforge.errors import MachineError, ModelError

RepoType = Literal["model", "dataset"]


def send(folder: Path, repo: str, *, kind: RepoType = "model", public: bool = False) -> str:
    """Make the repository where it is not there yet, send the folder, and remove it; returns the commit's address.

    What an interrupted call sent is not sent again, as long as the folder is the same. Raises ModelError when the Hub
    refuses, MachineError when the connection breaks.
    """
    from huggingface_hub import HfApi

    refuse_without_token()
    api = HfApi()
    with _upload_errors(repo):
        repo = api.create_repo(repo, repo_type=kind, private=not public, exist_ok=True).repo_id  # with its owner
        if not public and not api.repo_info(repo, repo_type=kind).private:
            raise ModelError(f"{repo} is there already and public; add --public to send to it, or name another")
        done = api.upload_folder(
            repo_id=repo, repo_type=kind, folder_path=folder, commit_message="Upload with halo-forge"
        )
    shutil.rmtree(folder)
    return str(done.commit_url)


def refuse_without_token() -> None:
    """Raises ModelError where the client knows no token, before anything is built for an upload."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise ModelError("There is no token for the Hub: run hf auth login, or set HF_TOKEN")


@contextmanager
def _upload_errors(repo: str) -> Iterator[None]:
    """Turns what can go wrong on the way into a sentence that says what the user can do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise _refused(repo, error.response.status_code) from error
    except (errors.HTTPError, ConnectionError, RuntimeError, OSError) as error:
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _refused(repo, error.__cause__.response.status_code) from error
        raise MachineError(
            f"The connection to the Hub broke while {repo} was sent; run the same command again, and it goes on"
        ) from error


def _refused(repo: str, status: int) -> ModelError | MachineError:
    if status in (401, 403, 404):
        return ModelError(f"The Hub does not let you write to {repo}: check the owner's name, and the token's rights")
    if status >= 500:
        return MachineError(f"The Hub failed (HTTP {status}); run the same command again, and it goes on")
    return ModelError(f"The Hub refused {repo}: HTTP {status}")
