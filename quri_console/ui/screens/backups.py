"""The backups view: a time line, sets, their canisters and parts, what is in them, and what can be done with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from quri_console.render.actions import BACKUPS, ActionContext
from quri_console.render.backup_contents import backup_lines
from quri_console.render.backup_parts import CopyPart, copy_parts
from quri_console.render.backup_policy import Allowed, NewestAge, newest_ages
from quri_console.render.backup_timeline import repository_lines
from quri_console.render.backup_tree import COLUMNS, TreeState, backup_tree, copy_of, set_of
from quri_console.ui.background import blocking
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.backup_actions import BackupActions
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.summaries import BackupSummary, RepositorySummary


class BackupsScreen(BackupActions):
    """Read anew with every picture of the fleet; the listing comes out of a cache."""

    VIEW = BACKUPS
    CSS_PATH: ClassVar[list[str]] = ["table_view.tcss", "backups.tcss"]  # type: ignore[assignment]
    COLUMNS = COLUMNS
    EMPTY = "Nothing is stored yet: b backs up the canister that is chosen in the fleet."
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(BACKUPS)

    def __init__(self) -> None:
        super().__init__()
        self._repository: RepositorySummary | None = None
        self._opened: set[str] = set()
        self._parts: dict[str, tuple[CopyPart, ...]] = {}

    def body(self) -> ComposeResult:
        yield LinesView(id="timeline")
        yield from super().body()

    def read(self) -> None:
        """Read the listing anew."""
        self.fetch(blocking(self.quri.console_door.repository_summary), self._show, group="backups")

    def _show(self, repository: RepositorySummary, *, asked: bool = False) -> None:
        self._repository = repository
        ages = self._ages(repository)
        state = TreeState(self._opened, self._parts, ages)
        self.table.show_rows(backup_tree(repository, self.now_ns, state), asked=asked)
        self._show_timeline(repository, ages)
        self.preview()
        self.show_keys()

    def _ages(self, repository: RepositorySummary) -> Mapping[str, NewestAge]:
        door = self.quri.console_door
        allowed = [Allowed(one.name, one.id, one.backup_age_seconds) for one in door.config.canisters]
        return newest_ages(repository.backups, door.network.name, allowed, self.now_ns)

    def _show_timeline(self, repository: RepositorySummary, ages: Mapping[str, NewestAge]) -> None:
        view = self.query_one("#timeline", LinesView)
        chosen = set_of(self.table.cursor_key or "")
        view.show_lines(repository_lines(repository, ages.values(), view.text_width, self.now_ns, chosen))

    @property
    def chosen(self) -> str | None:
        key = self.table.cursor_key
        return None if key is None else copy_of(key)

    @property
    def chosen_set(self) -> BackupSummary | None:
        name = set_of(self.chosen or "")
        backups = self._repository.backups if self._repository is not None else ()
        return next((backup for backup in backups if backup.name == name), None)

    @property
    def chosen_copy(self) -> str | None:
        backup = self.chosen_set
        if backup is None:
            return None
        names = [canister.name for canister in backup.canisters if canister.has_state]
        named = (self.chosen or "").partition("/")[2]
        name = named or (names[0] if len(names) == 1 else "")
        return f"{backup.name}/{name}" if name in names else None

    def action_context(self) -> ActionContext:
        chosen = self.chosen_set is not None
        return replace(super().action_context(), backup_chosen=chosen, copy_chosen=self.chosen_copy is not None)

    @on(LineTable.Highlighted)
    def _follow_cursor(self) -> None:
        if self._repository is not None:
            self._show_timeline(self._repository, self._ages(self._repository))
        self.preview()
        self.show_keys()

    def preview(self) -> None:
        """Show what is in the chosen row, unless something is under way that is shown there."""
        name, door = self.chosen, self.quri.console_door
        if name is None or name == self.previewed or self.work is not None:
            return
        self.previewed = name
        self.command = ""
        self.fetch(blocking(lambda: door.look_into(name)), self._show_contents, group="preview")

    def _show_contents(self, look: BackupLook) -> None:
        if self.work is None:
            self.say(list(backup_lines(look)))

    @on(LineTable.Chosen)
    def action_open_set(self) -> None:
        """Show the canisters of a set or the parts of a canister's copy, or hide them."""
        chosen = self.chosen
        if chosen is None or self._repository is None:
            return
        self._opened ^= {chosen}
        if chosen not in self._opened:
            self.table.select(chosen)
        elif "/" in chosen:
            door = self.quri.console_door
            self.fetch(blocking(lambda: door.look_into(chosen)), self._show_parts, group="parts")
        self._show(self._repository, asked=True)

    def _show_parts(self, look: BackupLook) -> None:
        for canister in look.canisters:
            self._parts[f"{look.backup.name}/{canister.entry.name}"] = copy_parts(canister)
        if self._repository is not None:
            self._show(self._repository, asked=True)
