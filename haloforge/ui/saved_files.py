"""Files that the browser saves: made when asked for, sent to that browser alone, never kept on the server."""

import asyncio
import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any, NamedTuple

import gradio as gr

from haloforge.errors import ForgeError
from haloforge.store import Store
from haloforge.ui.markup import Html, h
from haloforge.ui.page import Page
from haloforge.ui.view import View


class Download(NamedTuple):
    """A text file: its name, its media type, and what is in it."""

    name: str
    type: str
    text: str


Make = Callable[[Store, View, str], Download]
"""The file that a button asks for: of this store, for this address, by the value of the button."""

_SCRIPT = """
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-save]");
  if (button?.dataset.save === KIND) trigger("select", {value: button.dataset.value});
});
watch("value", () => {
  if (!props.value) return;
  const file = JSON.parse(props.value);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.text], {type: file.type}));
  link.download = file.name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
"""


def save_button(text: str, kind: str, value: str) -> Html:
    """A button that saves the file which `downloads` of this kind makes for the value."""
    return h("button", text, cls="act", type="button", data_save=kind, data_value=value)


def downloads(page: Page, kind: str, make: Make) -> None:
    """Serve the buttons of a kind. What `make` raises as a ForgeError is shown as a warning."""
    script = _SCRIPT.replace("KIND", json.dumps(kind))
    carrier = gr.HTML("", html_template="<div></div>", js_on_load=script, elem_id=f"save-{kind}", padding=False)

    def made(view: View, value: str) -> Any:
        try:
            with page.store() as store:
                file = make(store, view, value)
        except ForgeError as error:
            gr.Warning(str(error), duration=8)
            return gr.skip()
        return json.dumps({**file._asdict(), "nonce": token_hex(4)})  # another value each time, or nothing would happen

    async def respond(view: View, message: gr.EventData) -> Any:
        return await asyncio.to_thread(made, view, str(message._data.get("value", "")))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    carrier.select(respond, page.view, carrier, **quiet)
