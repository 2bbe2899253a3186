"""Two sides compared: settings, module, interface and memory; what is equal is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from quri_console.errors import QuriError, RefusedBySafetyRule
from quri_console.render.comparison import diff_lines
from quri_console.render.comparison_parts import Wanted
from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.pair_layout import rows_of
from quri_console.render.spans import Line, Span, plain
from quri_console.render.zone import utc_only
from quri_console.ui.background import as_quri_error, off_loop
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.backup.diff import Diff
    from quri_console.backup.live_side import ReadingBill
    from quri_console.ui.app import QuriApp


async def refuse_to_pay(bills: tuple[ReadingBill, ...]) -> None:
    """Comparing never costs a canister cycles from here; the command line shows the bill and asks."""
    raise RefusedBySafetyRule(
        "reading a snapshot on chain costs its canister cycles, so it is not read from here",
        next_step="`quri-console diff` shows the bill and asks.",
    )


class CompareScreen(Screen[None]):
    """Worked out beside the loop; nothing is changed."""

    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = ""  # else keys go into a field that is not shown yet
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("a", "ranges", "All ranges"),
        Binding("m", "magnify", "Magnify"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("c", "copy", "Copy"),
        Binding("w", "save", "Save"),
        Binding("pagedown", "page(1)", "Read on", key_display="PgDn"),
        Binding("pageup", "page(-1)", "Read back", key_display="PgUp"),
        Binding("down,j", "line(1)", "Line down", show=False),
        Binding("up,k", "line(-1)", "Line up", show=False),
    ]

    def __init__(self, left: str, right: str) -> None:
        super().__init__()
        self._sides = (left, right)
        self._diff: Diff | None = None
        self._lines: tuple[Line, ...] = ()
        self._all_ranges = False
        self._magnified = False
        self._wanted = ""

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def compose(self) -> ComposeResult:
        left, right = self._sides
        yield Static(f" Compare {escape(left)} with {escape(right)}", id="title", markup=False)
        with VerticalScroll(id="area", can_focus=False):
            yield LinesView(id="differences")
        field = Input(placeholder="only lines with these letters", id="search")
        field.cursor_blink = False
        yield field
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self._draw([(Span("Comparing; nothing is changed …", "muted"),)])
        self.run_worker(self._compare(), exit_on_error=False)

    async def _compare(self) -> None:
        door, (left, right) = self.quri.console_door, self._sides
        try:
            diff = await off_loop(lambda: door.diff(left, right, approve=refuse_to_pay))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not compare for ever
            self._draw([(span,) for span in error_lines(as_quri_error(error))])
            return
        if self.is_attached:
            self._diff = diff
            self._show()

    def _show(self) -> None:
        self._lines = self._compared(self.query_one(LinesView).text_width)
        wanted = self._wanted.casefold()
        rows = (row for row in rows_of(self._lines) if wanted in " ".join(map(plain, row)).casefold())
        self._draw([line for row in rows for line in row])

    def _compared(self, width: int | None = None) -> tuple[Line, ...]:
        ascii_only = self.quri.manner.ascii
        wanted = Wanted(
            all_ranges=self._all_ranges, magnified=self._magnified, ascii_only=ascii_only, side_by_side=width
        )
        return tuple(diff_lines(self._diff, wanted)) if self._diff is not None else ()

    def _draw(self, lines: list[Line]) -> None:
        if self.is_attached:
            self.query_one("#differences", LinesView).show_lines(lines)

    def on_resize(self) -> None:
        """Columns are as wide as the screen allows."""
        if self._diff is not None:
            self.call_after_refresh(self._show)

    def action_ranges(self) -> None:
        """Every changed range of memory, or only the first ones."""
        self._all_ranges = not self._all_ranges
        self._show()

    def action_magnify(self) -> None:
        """The changed parts of memory with a cell for each page, or the whole memory in one line."""
        self._magnified = not self._magnified
        self._show()

    def action_search(self) -> None:
        """Show only the lines in which something stands."""
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _search(self, event: Input.Changed) -> None:
        self._wanted = event.value
        self._show()

    @on(Input.Submitted, "#search")
    def _searched(self) -> None:
        self.set_focus(None)

    def action_leave(self) -> None:
        """Leave the search, then the page."""
        field = self.query_one("#search", Input)
        if field.display:
            field.display, field.value = False, ""
            self.set_focus(None)
        else:
            self.app.pop_screen()

    def action_copy(self) -> None:
        """Copy everything that is shown."""
        from quri_console.ui.clipboard import copy_text

        self.app.notify(copy_text(self.quri, _text_of(self._lines)))

    def action_save(self) -> None:
        """Keep what is shown as a report in the state folder."""
        left, right = (side.replace("/", "-").replace(":", "-") for side in self._sides)
        # whoever reads a file sits in a zone of his own
        with utc_only():
            text = _text_of(self._compared())
        try:
            path = self.quri.console_door.save_report(f"compare-{left}-{right}", text)
        except QuriError as error:
            self.app.notify(escape(error.what), severity="error")
            return
        self.app.notify(f"Saved: {path}")

    def action_line(self, lines: int) -> None:
        self.query_one("#area", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """A page further down or up."""
        area = self.query_one("#area", VerticalScroll)
        area.scroll_relative(y=pages * (area.size.height - 1), animate=False)


def _text_of(lines: Sequence[Line]) -> str:
    return "\n".join(map(plain, lines)) + "\n"
