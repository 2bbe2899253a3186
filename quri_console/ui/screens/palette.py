"""The palette: every action and every canister by its name. A docked panel, because a dimmed modal costs 45 kB."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from quri_console.render.actions import action
from quri_console.render.grid import Cell, Column, Row
from quri_console.render.palette import PaletteEntry, found_entries, palette_entries
from quri_console.ui.background import blocking, off_loop
from quri_console.ui.keys import textual_action
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from quri_console.report.runbook import Section
    from quri_console.ui.app import QuriApp

COLUMNS = (Column("what", "What"), Column("key", "Key"), Column("help", "", priority=1))


class PaletteScreen(ModalScreen[None]):
    """Type a few letters, choose with the arrows, Enter does it; Esc leaves all as it is."""

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close"),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self, view: str) -> None:
        super().__init__()
        self._view = view
        self._found: dict[str, PaletteEntry] = {}
        self._pages: tuple[Section, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(id="panel"):
            field = Input(placeholder="an action, a view, a canister or a page of the runbook", id="wanted")
            field.cursor_blink = False
            yield field
            yield LineTable(COLUMNS, id="found", empty="Nothing has this name.")
            yield Label("Enter does it, Esc leaves all as it is.", classes="muted")

    def on_mount(self) -> None:
        self.query_one("#wanted", Input).focus()
        self._show("")
        self.run_worker(self._read_pages(), exit_on_error=False)

    async def _read_pages(self) -> None:
        """The runbook's pages come a moment later: those of the operators may lie on a slow disk."""
        runbook, _ = await off_loop(blocking(cast("QuriApp", self.app).console_door.readable_runbook))
        if self.is_attached:
            self._pages = runbook.sections
            self._show(self.query_one("#wanted", Input).value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, wanted: str) -> None:
        app = cast("QuriApp", self.app)
        screen = app.screen_stack[-2] if len(app.screen_stack) > 1 else None
        context = screen.action_context() if isinstance(screen, ViewScreen) else None
        entries = palette_entries(self._view, app.fleet, context, self._pages)
        found = found_entries(entries, wanted)
        self._found = {entry.key: entry for entry in found}
        table = self.query_one(LineTable)
        table.show_rows(map(_row, found))
        table.select(found[0].key if found else None)

    def action_move(self, step: int) -> None:
        self.query_one(LineTable).action_move(step)

    @on(Input.Submitted)
    async def _chosen(self) -> None:
        entry = self._found.get(self.query_one(LineTable).cursor_key or "")
        if entry is None:
            return
        if entry.why_not:
            self.app.notify(f"{entry.text} is not possible: {entry.why_not}.", severity="warning")
            return
        app = cast("QuriApp", self.app)
        self.dismiss()
        if entry.canister_id is not None:
            app.selected_id = entry.canister_id
            app.call_later(app.action_view, "fleet")
            return
        if entry.page:
            app.call_later(app.action_runbook, entry.page)
            return
        app.call_later(_run_on_top, app, textual_action(action(entry.action)))


def _row(entry: PaletteEntry) -> Row:
    role = "muted" if entry.why_not else "plain"
    return Row(entry.key, (Cell(entry.text, role), Cell(entry.label), Cell(entry.help, "muted")))


async def _run_on_top(app: QuriApp, named: str) -> None:
    await app.screen.run_action(named)
