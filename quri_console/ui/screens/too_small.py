"""What stands on a screen that is too small for anything else; it goes by itself when there is room again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

MIN_COLUMNS, MIN_ROWS = 60, 15


def is_too_small(size: Size) -> bool:
    """Whether the console cannot be read at this size."""
    return size.width < MIN_COLUMNS or size.height < MIN_ROWS


class TooSmallScreen(Screen[None]):
    """Says how much room there is and how much is needed; whatever lies below it goes on."""

    DEFAULT_CSS = "TooSmallScreen { background: $background; color: $foreground; }"
    # what lies below is not reached by any other key: nobody can see what it would do
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield Static(id="too-small", markup=False)

    def on_mount(self) -> None:
        self.tell(self.app.size)

    def tell(self, size: Size) -> None:
        """Say it for this size."""
        self.query_one(Static).update(
            f"Too small: {size.width}×{size.height}.\nThe console needs {MIN_COLUMNS}×{MIN_ROWS}.\n"
            "Enlarge the window, or q to quit.\nEverything goes on meanwhile."
        )
