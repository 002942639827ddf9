"""What we ask of Hugging Face's libraries besides models: to fetch from their Hub, and to be quiet.

Fetched are safetensors, tokenizer and configs only, never code or pickles.
"""

from pathlib import Path

from haloforge.errors import ModelError

_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
_WEIGHTS = "*.safetensors"


def download(name: str, *, weights: bool) -> Path:
    """The local folder of a Hub model, fetched where it is not in the Hub's cache; works offline for cached ones.

    Raises ModelError: unknown, private or gated, unreachable, or without safetensors.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    patterns = [*_SMALL_FILES, _WEIGHTS] if weights else list(_SMALL_FILES)
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except GatedRepoError as error:
        raise ModelError(
            f"{name} is gated: accept its licence at https://huggingface.co/{name}, then run: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hub has no model {name} that you can see; check the spelling, or run: hf auth login"
        ) from error
    except (LocalEntryNotFoundError, ConnectionError) as error:
        raise ModelError(
            f"{name} is not in the local cache and the Hub cannot be reached; check the connection, or use smollm2-135m"
        ) from error
    except HfHubHTTPError as error:
        raise ModelError(f"The Hub refused {name}: HTTP {error.response.status_code}; try again later") from error
    if weights and not any(folder.glob(_WEIGHTS)):
        raise ModelError(f"{name} has no safetensors weights; pickled weights are not loaded, so choose another model")
    return folder


def quiet_transformers() -> None:
    """Keep transformers' progress bars and advice out of the terminal and the run's log; errors still show."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
