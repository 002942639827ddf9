"""The one component that shows markup of ours."""

import gradio as gr


def pane(elem_id: str | None = None, value: str = "") -> gr.HTML:
    """A box that the pane script fills; its value is markup."""
    return gr.HTML(
        value,
        html_template='<div class="slot"></div>',
        js_on_load="haloPane(element, props, watch, trigger)",
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=["pane"],
    )
