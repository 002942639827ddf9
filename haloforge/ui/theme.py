"""Theme, style sheet and the script that draws panes. All of it is served from this machine."""

import json
from pathlib import Path
from typing import Any

from haloforge.markup import looks
from haloforge.reports.style import comparison_css
from haloforge.ui import palette
from haloforge.ui.view import TABS

_ASSETS = Path(__file__).parent / "assets"


def theme() -> Any:
    """Slate greys, one ember accent, system fonts, so that no font is downloaded."""
    import gradio as gr

    base = gr.themes.Default(
        primary_hue="orange",
        neutral_hue="slate",
        spacing_size="sm",
        radius_size="md",
        text_size="sm",
        font=["system-ui", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    )
    return base.set(
        body_background_fill="var(--page)",
        body_background_fill_dark="var(--page)",
        background_fill_primary="var(--panel)",
        background_fill_primary_dark="var(--panel)",
        background_fill_secondary="var(--raised)",
        background_fill_secondary_dark="var(--raised)",
        block_background_fill="var(--panel)",
        block_background_fill_dark="var(--panel)",
        block_border_color="var(--line)",
        block_border_color_dark="var(--line)",
        block_shadow="none",
        block_label_text_color="var(--text)",
        block_title_text_color="var(--text)",
        block_title_text_weight="500",
        block_info_text_color="var(--muted)",
        block_info_text_color_dark="var(--muted)",
        body_text_color="var(--text)",
        body_text_color_dark="var(--text)",
        body_text_color_subdued="var(--muted)",
        body_text_color_subdued_dark="var(--muted)",
        border_color_primary="var(--line)",
        border_color_primary_dark="var(--line)",
        input_background_fill="var(--page)",
        input_background_fill_dark="var(--page)",
        input_border_color="var(--line-strong)",
        input_border_color_dark="var(--line-strong)",
        color_accent="var(--accent)",
        button_primary_background_fill="var(--accent)",
        button_primary_background_fill_dark="var(--accent)",
        button_primary_text_color="white",
        button_secondary_background_fill="var(--panel)",
        button_secondary_background_fill_dark="var(--panel)",
        button_secondary_border_color="var(--line-strong)",
        button_secondary_border_color_dark="var(--line-strong)",
    )


def css() -> str:
    """The whole style sheet."""
    sheets = sorted(_ASSETS.glob("*.css"), key=lambda sheet: sheet.name != "style.css")
    own = [sheet.read_text(encoding="utf-8") for sheet in sheets]
    return "\n".join([looks.page_css(".dark"), *own, comparison_css(), palette.css()])


def plotly_js() -> Path:
    """plotly.min.js in the installed plotly package."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def head() -> str:
    """The scripts for <head>, the names of the tabs, the address of plotly (relative, for proxies)."""
    scripts = ("pane.js", "form.js", "draft.js", "editor.js")
    script = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in scripts)
    names = json.dumps({label: name for name, label in TABS.items()})
    settings = f'window.haloPlotly = "gradio_api/file={plotly_js()}"; window.haloTabs = {names};'
    return f"<script>{settings}\n{script}</script>"
