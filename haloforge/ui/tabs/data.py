"""Data: prepare or generate problems, and look at what is in a file."""

import gradio as gr

from haloforge.ui.page import Page
from haloforge.ui.stage_panel import live_panel, stage_form


def build(page: Page) -> None:
    """Two forms on the left, the newest data run on the right."""
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=6, min_width=320), gr.Tabs():
            with gr.Tab("Prepare a dataset"):
                stage_form(page, "data", "data-prepare")
            with gr.Tab("Generate with a model"):
                stage_form(page, "data", "data-generate")
        with gr.Column(scale=6, min_width=320):
            live_panel(page, "data", ["data-prepare", "data-generate"])
