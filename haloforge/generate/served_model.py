"""Is the model that a vLLM server has the one that is meant, and does it answer with what training needs?"""

import re
from pathlib import Path
from typing import Any

from haloforge.errors import BackendError
from haloforge.generate.endpoints import Endpoint, Failed, Lost, Refused
from haloforge.models import Outline

NOT_TOKENS = (
    "does not give token ids and log-probs back, which training needs: a chat server cannot be used here; start vLLM "
    "(0.10.2 or newer) there, or choose generation.backend local"
)
_SNAPSHOT = re.compile(r"models--(?P<repo>[^/]+)/snapshots/(?P<commit>[0-9a-f]{40})")
"""A folder of the Hub's cache."""
_RANKS = (0, 1, 8, 16, 32, 64, 128, 256, 320, 512)


def served_base(endpoint: Endpoint, outline: Outline) -> tuple[str, int | None]:
    """The name by which the server knows the base model, and the most tokens that it reads.

    Raises BackendError when it has another one.
    """
    bases = [model for model in _models(endpoint) if not model.get("parent")]
    for model in bases:
        if _is_meant(model, outline):
            return str(model["id"]), model.get("max_model_len")
    has = ", ".join(str(model.get("root") or model.get("id")) for model in bases) or "no model"
    meant = str(outline.root.hub or outline.folder)
    raise BackendError(
        f"{endpoint.url} serves {has}, and {meant} is meant: start vLLM there with that model, or correct "
        "generation.endpoints"
    )


def says_no_revision(endpoint: Endpoint, outline: Outline) -> bool:
    """Whether a commit of the Hub is meant and the server does not tell which one it has."""
    told = any(_SNAPSHOT.search(str(model.get("root"))) for model in _models(endpoint))
    return bool(outline.root.hub and outline.root.revision) and not told


def served_rank(rank: int) -> int:
    """The smallest `--max-lora-rank` of vLLM that holds adapters of a rank; 0 without one."""
    return next((size for size in _RANKS if size >= rank), rank)


def load_adapter(endpoint: Endpoint, name: str, outline: Outline) -> None:
    """Have the server load the adapter under a name that no other adapter ever had.

    What a killed run left there under this name is the same adapter, and stays. Raises BackendError; Lost or Failed
    where the server itself is ill.
    """
    loaded = [model for model in _models(endpoint) if model.get("id") == name]
    if loaded and Path(str(loaded[0].get("root"))) == outline.adapter:
        return
    if loaded:
        raise BackendError(f"{endpoint.url} has an adapter {name} already, from {loaded[0].get('root')}: unload it")
    try:
        endpoint.command("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(outline.adapter)})
    except (Failed, Refused) as error:
        endpoint.check_health()  # vLLM says 500 of an adapter that it cannot take, too
        raise BackendError(
            f"{endpoint.url} cannot load the adapter {outline.adapter} ({error}): it must see that folder under this "
            "path (a shared file system), and vLLM there needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, --enable-lora "
            f"and --max-lora-rank {served_rank(outline.rank)} or more"
        ) from error


def unload_adapter(endpoint: Endpoint, name: str) -> str:
    """Why it could not be unloaded; empty when it was."""
    try:
        endpoint.command("/v1/unload_lora_adapter", {"lora_name": name})
    except (Lost, Failed, Refused) as error:
        return str(error)
    return ""


def check_logprobs(endpoint: Endpoint, model: str, outline: Outline) -> None:
    """Raises BackendError unless token ids come back, with log-probs of the model's own distribution (temperature 1).

    With `top_k` 1 only one token is left: log-probs after it are exactly 0, before it they are not.
    """
    prompt = list(outline.tokenizer("a", add_special_tokens=False)["input_ids"])
    asked = {"model": model, "prompt": prompt, "max_tokens": 1, "temperature": 1.0, "top_k": 1}
    try:
        _, logprobs = tokens_of(endpoint.post("/v1/completions", asked | TOKENS))
    except (Refused, ValueError) as error:
        raise BackendError(f"{endpoint.url} {NOT_TOKENS} ({error})") from error
    if max(logprobs, default=0.0) > -1e-9:
        raise BackendError(
            f"{endpoint.url} gives log-probs after temperature and top_p, and training needs the model's own: start "
            "vLLM there with --logprobs-mode raw_logprobs"
        )


TOKENS = {"logprobs": 0, "return_token_ids": True}
"""What makes vLLM send token ids, and the log-prob of each sampled token alone."""


def tokens_of(answer: dict[str, Any]) -> tuple[list[int], list[float]]:
    """Token ids and log-probs of a completion. Raises ValueError where they are not there."""
    try:
        choice = answer["choices"][0]
        tokens, logprobs = choice["token_ids"], choice["logprobs"]["token_logprobs"]
        if len(tokens) != len(logprobs):
            raise ValueError(f"{len(tokens)} tokens and {len(logprobs)} log-probs")
        return [int(token) for token in tokens], [float(logprob) for logprob in logprobs]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("its answer has none") from error


def _models(endpoint: Endpoint) -> list[dict[str, Any]]:
    try:
        rows = endpoint.get("/v1/models").get("data")
    except Refused as error:
        raise BackendError(f"{endpoint.url} does not list its models ({error}); is a vLLM server there?") from error
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _is_meant(model: dict[str, Any], outline: Outline) -> bool:
    """By the path or the name that the server was started with; a commit in it must be the one meant."""
    root, name = str(model.get("root") or ""), str(model.get("id") or "")
    hub = outline.root.hub
    if found := _SNAPSHOT.search(root):
        repo = found["repo"].replace("--", "/")
        return hub is not None and repo == hub.repo and outline.root.revision in ("", found["commit"])
    if Path(root).is_absolute() and Path(root).resolve() == outline.folder.resolve():
        return True
    return outline.root.id in (root, name)
