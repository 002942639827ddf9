"""RAFT: sample, verify, keep the best, fine-tune, repeat."""

import gradio as gr

from haloforge.ui.page import Page
from haloforge.ui.stage_panel import live_panel, stage_form


def build(page: Page) -> None:
    """Form on the left, the newest run on the right."""
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=6, min_width=320):
            stage_form(page, "raft", "raft")
        with gr.Column(scale=6, min_width=320):
            live_panel(page, "raft", ["raft"])
