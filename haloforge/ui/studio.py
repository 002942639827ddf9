"""The app in the browser: `build()` makes the page, `launch()` serves it. All that they show is in the store."""

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

import gradio as gr
from starlette.middleware import Middleware

from haloforge import jobs
from haloforge.config import AppConfig
from haloforge.errors import ConfigError
from haloforge.store import Store
from haloforge.ui import api, downloads, mcp_server, recorded, space, theme
from haloforge.ui.first_sight import FirstSight
from haloforge.ui.page import Page
from haloforge.ui.tabs import comparison, data, playground, runs, stage, whole_pipeline
from haloforge.ui.view import TABS, open_run
from haloforge.ui.widgets import header
from haloforge.verify import hide_from_debuggers, isolation

_BUILDERS: dict[str, Callable[[Page], None]] = {
    "runs": runs.build,
    "pipeline": whole_pipeline.build,
    "data": data.build,
    "sft": partial(stage.build, stage="sft"),
    "raft": partial(stage.build, stage="raft"),
    "benchmark": partial(stage.build, stage="benchmark"),
    "compare": comparison.build,
    "release": partial(stage.build, stage="release"),
    "playground": playground.build,
}


def build(root: Path | None = None) -> gr.Blocks:
    """The page, over the store in `root` (by default where runs are kept). On a Space it is read-only."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # must be set before any Blocks is made, which would call a server
    with gr.Blocks(title="halo-forge", fill_width=True, analytics_enabled=False) as demo:
        page = Page(root, read_only=space.is_space())
        page.pane("", header.render, "header")
        page.action("visit", lambda store, _view, _value: open_run(space.start_try(store).id))
        with gr.Tabs(elem_id="tabs") as tabs:
            for name, label in TABS.items():
                with gr.Tab(label, id=name):
                    _BUILDERS[name](page)
        page.wire(demo, tabs)
    with demo.route("Endpoints", "endpoints", show_in_navbar=False):  # else every browser would be sent them all
        api.add(page)
    return demo


def launch(config: AppConfig, demo: gr.Blocks | None = None) -> None:
    """Serve until interrupted, with the background trainer. Raises ConfigError for an address open to others."""
    check_address(config)
    with Store() as store:
        root = store.root
        recorded.bring(store)
    hide_from_debuggers()  # else model-written code of the same user could read our environment in /proc
    Thread(target=isolation, name="probe of the sandbox", daemon=True).start()
    if space.is_space():
        space.Keeper(root).start()
    trainer = jobs.Trainer(root)
    trainer.start()
    try:
        serve(demo or build(root), config, root)
    finally:
        trainer.stop()


def serve(demo: gr.Blocks, config: AppConfig, root: Path | None = None) -> None:
    """Serve a built page until interrupted. Browsers load nothing from other hosts, and of our files only plotly.js.

    Raises ConfigError where the address or the port cannot be had, or MCP is asked for and not installed.
    """
    _check_port(config)
    if config.mcp:
        mcp_server.check_installed()
    gr.set_static_paths([theme.plotly_js()])
    _rest_when_idle(demo)
    demo.launch(
        server_name=config.host,
        server_port=config.port,
        auth=login(config),
        theme=theme.theme(),
        css=theme.css() + space.css(),
        footer_links=["settings"],
        show_error=True,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        allowed_paths=[],
        state_session_capacity=100,
        mcp_server=config.mcp,
        app_kwargs={
            "routes": downloads.routes(root),
            "middleware": [Middleware(mcp_server.Guard, config=config), Middleware(FirstSight, root=root)],
        },
        prevent_thread_lock=True,
    )
    if config.mcp:
        mcp_server.complete(demo)
    demo.block_thread()


def _rest_when_idle(demo: gr.Blocks) -> None:
    """Let the queue look for work 10 times a second; Gradio's 1,000 take a tenth of a core for nothing."""
    demo._queue.sleep_when_free = demo._queue.progress_update_sleep_when_free = 0.1


def _check_port(config: AppConfig) -> None:
    """Raises ConfigError where nobody can listen there. Tried before, since Gradio raises the same for every reason."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((config.host, config.port))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"{config.host} port {config.port} cannot be listened on ({error}): another program may hold it, "
                "perhaps another halo-forge; stop that, or give --port another number"
            ) from error


def check_address(config: AppConfig) -> None:
    """Raises ConfigError for an address that others can reach, unless there is a login or the user insists."""
    if config.host not in mcp_server.LOCAL and config.auth is None and not config.insecure:
        raise ConfigError(
            f"{config.host} can be reached by others, who could run code here: give --auth USER:PASSWORD, or --insecure"
        )
    login(config)


def login(config: AppConfig) -> tuple[str, str] | None:
    """USER:PASSWORD as two strings, None where no login is set. Raises ConfigError for anything else."""
    if config.auth is None:
        return None
    user, colon, password = config.auth.partition(":")
    if not (user and colon and password):
        raise ConfigError("auth must be USER:PASSWORD, with both parts given")
    return user, password
