"""The named endpoints: what a program can ask of the studio, with `gradio_client`, over HTTP, or as MCP tools.

Each is a plain function of the store in one of the files beside this one; `add` registers them all. Its docstring and
types are what clients are shown.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import gradio as gr

from haloforge.errors import ConfigError, ForgeError
from haloforge.ui import space
from haloforge.ui.api import data, launching, models, results, runs
from haloforge.ui.page import Page

Effect = Literal["reads", "runs code", "changes", "deletes"]
"""What calling an endpoint does: nothing, runs code in the sandbox and stores nothing, adds or steers, or destroys."""


class Endpoint(NamedTuple):
    """A function of a store and what its caller sends; its name is the name of the endpoint."""

    function: Callable[..., Any]
    effect: Effect

    @property
    def name(self) -> str:
        """Without the slash that clients write before it."""
        return self.function.__name__


ENDPOINTS = (
    Endpoint(runs.list_runs, "reads"),
    Endpoint(runs.show_run, "reads"),
    Endpoint(runs.list_events, "reads"),
    Endpoint(runs.read_log, "reads"),
    Endpoint(runs.list_samples, "reads"),
    Endpoint(results.list_results, "reads"),
    Endpoint(results.compare, "reads"),
    Endpoint(data.list_data, "reads"),
    Endpoint(data.list_problems, "reads"),
    Endpoint(data.validate_data, "reads"),
    Endpoint(models.list_models, "reads"),
    Endpoint(launching.list_settings, "reads"),
    Endpoint(launching.plan_run, "reads"),
    Endpoint(models.generate, "runs code"),
    Endpoint(models.verify_code, "runs code"),
    Endpoint(launching.start_run, "changes"),
    Endpoint(launching.stop_run, "changes"),
    Endpoint(launching.resume_run, "changes"),
    Endpoint(launching.delete_run, "deletes"),
)

MOST = 2**53
"""The largest number that all who speak JSON read alike."""


class Refused(gr.Error):
    """A sentence for the caller; MCP clients get it without the quotes that Gradio's own class puts around it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


def add(page: Page) -> None:
    """Register every endpoint, inside the Blocks of the page."""
    for endpoint in ENDPOINTS:
        # without the queue: MCP calls of queued endpoints come back over HTTP, where they have no login
        gr.api(_served(page, endpoint), api_name=endpoint.name, queue=False)


def _served(page: Page, endpoint: Endpoint) -> Callable[..., Any]:
    """The function as Gradio calls it: a store of its own each time, and a ForgeError as one sentence."""

    def call(*sent: Any) -> Any:
        if page.read_only and endpoint.effect in ("changes", "deletes"):
            raise Refused(space.REFUSED)
        try:
            _refuse_huge(dict(zip((p.name for p in parameters), sent, strict=False)))
            with page.store() as store:
                return without_files(endpoint.function(store, *sent))
        except ForgeError as error:
            raise Refused(str(error)) from error

    signature = inspect.signature(endpoint.function)
    _store, *parameters = signature.parameters.values()
    call.__name__, call.__doc__ = endpoint.name, inspect.getdoc(endpoint.function)
    call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": signature.return_annotation}
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _refuse_huge(sent: Any, where: str = "") -> None:
    """Raises ConfigError for a number that no setting, id or page can be, at any depth of what was sent."""
    if isinstance(sent, dict | list):
        for name, value in sent.items() if isinstance(sent, dict) else enumerate(sent):
            _refuse_huge(value, f"{where}.{name}".removeprefix("."))
    elif isinstance(sent, int | float) and not abs(sent) <= MOST:
        raise ConfigError(f"{where} should be a number of at most {MOST:,}, up or down")


def without_files(value: Any) -> Any:
    """An answer whose every "path" is called "file": Gradio takes a mapping with a "path" for a file to send along."""
    if isinstance(value, dict):
        return {"file" if key == "path" else key: without_files(item) for key, item in value.items()}
    return [without_files(item) for item in value] if isinstance(value, list | tuple) else value
