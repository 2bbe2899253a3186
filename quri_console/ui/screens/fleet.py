"""The main screen: every canister in one table, the selected one below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer

from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.render.actions import ActionContext, action
from quri_console.ui.keys import bindings_of
from quri_console.ui.screens.backup import BackupScreen
from quri_console.ui.screens.help import HelpScreen
from quri_console.ui.screens.restore import RestoreScreen
from quri_console.ui.widgets.canister_detail import CanisterDetail
from quri_console.ui.widgets.fleet_table import FleetTable
from quri_console.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp

AGE_REDRAW_SECONDS = 15.0


class FleetScreen(Screen[None]):
    """Shows the newest picture of the fleet; selection is a canister, never a row number."""

    CSS_PATH = "fleet.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("back_up", "restore", "poll_now", "help", "quit")

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def compose(self) -> ComposeResult:
        door = self.quri.console_door
        yield StatusBar(door.network.name, production=door.network.production, read_only=door.read_only)
        yield FleetTable()
        yield CanisterDetail()
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(StatusBar).show(None, self._now_ns())
        self.query_one(FleetTable).focus()
        self._redraw()
        # ages go up by themselves; widgets write only what then differs
        self.set_interval(AGE_REDRAW_SECONDS, self._redraw)

    def show(self, fleet: FleetStatus) -> None:
        """Draw this picture of the fleet; while the page is being put up or taken down there is nothing to draw on."""
        if not all(self.query(part) for part in (StatusBar, FleetTable, CanisterDetail)):
            return
        now_ns = self._now_ns()
        self.query_one(StatusBar).show(fleet, now_ns)
        self.query_one(FleetTable).show(fleet, now_ns)
        self._show_detail()

    @property
    def selected(self) -> CanisterView | None:
        """The canister under the cursor."""
        canister_id = self.query_one(FleetTable).selected_canister
        if self.quri.fleet is None or canister_id is None:
            return None
        return self.quri.fleet.canister(canister_id)

    @on(DataTable.RowHighlighted)
    def _show_detail(self) -> None:
        for detail in self.query(CanisterDetail):
            detail.show(self.selected, self._now_ns())

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        if self.quri.fleet is not None:
            self.show(self.quri.fleet)

    def _now_ns(self) -> int:
        return self.quri.console_door.clock.now_ns()

    def _why_not(self, name: str) -> str | None:
        selected = self.selected
        backed_up = selected is not None and selected.last_backup_at_ns is not None
        door = self.quri.console_door
        return action(name).disabled(
            ActionContext(
                selected=selected,
                read_only=door.read_only,
                production=door.network.production,
                backups=int(backed_up),
            )
        )

    def _selected_for(self, name: str) -> CanisterView | None:
        """The selected canister when the action can run on it now; otherwise says why not."""
        reason = self._why_not(name)
        if reason is None:
            return self.selected
        self.notify(f"{action(name).verb} is not possible: {reason}.", severity="warning", markup=False)
        return None

    def action_back_up(self) -> None:
        if (selected := self._selected_for("back_up")) is not None:
            self.app.push_screen(BackupScreen(selected.name))

    def action_restore(self) -> None:
        if (selected := self._selected_for("restore")) is not None:
            self.app.push_screen(RestoreScreen(selected.name))

    def action_poll_now(self) -> None:
        self.quri.poll_now()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_quit(self) -> None:
        self.app.exit(0)
