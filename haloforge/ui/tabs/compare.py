"""Compare: two or more benchmark results on the same problems, and RAFT runs over their cycles."""

from haloforge.ui.page import Page
from haloforge.ui.widgets import comparison


def build(page: Page) -> None:
    """Both are functions of the store and the address."""
    page.pane("compare", comparison.render, "comparison")
    page.pane("compare", comparison.overlay, "overlay-pane")
