"""The backups view: sets, their canisters and what is in them, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType

from quri_console.render.actions import BACKUPS, ActionContext
from quri_console.render.backup_contents import backup_lines
from quri_console.render.backup_tree import COLUMNS, backup_tree
from quri_console.render.escape import escape
from quri_console.render.spans import Span
from quri_console.ui.background import blocking
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.screens.table_view import TableView
from quri_console.ui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.summaries import BackupSummary, RepositorySummary
    from quri_console.repository.check_report import Verification
    from quri_console.service.keeping import Keep


class BackupsScreen(TableView):
    """Read anew with every picture of the fleet; the listing comes out of a cache."""

    VIEW = BACKUPS
    COLUMNS = COLUMNS
    EMPTY = "Nothing is stored yet."
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(BACKUPS)

    def __init__(self) -> None:
        super().__init__()
        self._repository: RepositorySummary | None = None
        self._opened: set[str] = set()
        self._previewed = ""

    def read(self) -> None:
        """Read the listing anew."""
        self.fetch(blocking(self.quri.console_door.repository_summary), self._show, group="backups")

    def _show(self, repository: RepositorySummary) -> None:
        self._repository = repository
        self.table.show_rows(backup_tree(repository, self._opened, self.now_ns))
        self._preview()
        self.show_keys()

    @property
    def chosen(self) -> str | None:
        """The row under the cursor as commands name it: BACKUP or BACKUP/CANISTER."""
        return self.table.cursor_key

    @property
    def chosen_set(self) -> BackupSummary | None:
        """The set that the row under the cursor belongs to."""
        name = (self.chosen or "").partition("/")[0]
        backups = self._repository.backups if self._repository is not None else ()
        return next((backup for backup in backups if backup.name == name), None)

    def action_context(self) -> ActionContext:
        return replace(super().action_context(), backup_chosen=self.chosen_set is not None)

    @on(LineTable.Highlighted)
    def _follow_cursor(self) -> None:
        self._preview()
        self.show_keys()

    def _preview(self) -> None:
        name, door = self.chosen, self.quri.console_door
        if name is None or name == self._previewed:
            return
        self._previewed = name
        self.fetch(blocking(lambda: door.look_into(name)), self._show_contents, group="preview")

    def _show_contents(self, look: BackupLook) -> None:
        self.say(list(backup_lines(look)))

    # what can be done

    @on(LineTable.Chosen)
    def action_open_set(self) -> None:
        """Show the canisters of a set, or hide them."""
        chosen = self.chosen_set
        if chosen is None or self._repository is None:
            return
        self._opened ^= {chosen.name}
        if chosen.name not in self._opened:
            self.table.select(chosen.name)
        self._show(self._repository)

    def action_back_up(self) -> None:
        """Back up the canister that was chosen last in the fleet."""
        from quri_console.ui.screens.backup import BackupScreen

        selected = self.selected
        if self.possible("back_up") and selected is not None:
            self.app.push_screen(BackupScreen(selected.name))

    def action_restore(self) -> None:
        """Plan a restore from the chosen backup: of the canister under the cursor, or of the selected one."""
        from quri_console.ui.screens.restore import RestoreScreen

        backup, selected = self.chosen_set, self.selected
        name = (self.chosen or "").partition("/")[2] or (selected.name if selected is not None else "")
        if backup is None or self.quri.console_door.read_only:
            self.possible("restore")
        elif name not in {canister.name for canister in backup.canisters}:
            self.app.notify("Open the set with Enter and choose a canister in it.", severity="warning")
        else:
            self.app.push_screen(RestoreScreen(name, backup.name))

    def action_verify(self) -> None:
        """Read every byte of the chosen backup again."""
        self._on_chosen("verify", self.quri.console_door.verify, self._verified)

    def _verified(self, found: Verification) -> None:
        if found.ok:
            self._told(f"{found.set_name} is whole.")
        else:
            damages = "; ".join(escape(damage.name) for damage in found.damages[:3])
            self.app.notify(f"{found.set_name} is DAMAGED: {damages}", severity="error", timeout=15)
            self.read()

    def action_rehearse(self) -> None:
        """Load the chosen backup into the sandbox of this machine and ask its health queries."""
        from quri_console.ui.screens.rehearsal import RehearsalScreen

        chosen = self.chosen
        if self.possible("rehearse") and chosen is not None:
            self.app.push_screen(RehearsalScreen(chosen))

    def action_pin(self) -> None:
        """Pin the chosen set, or end its pin."""
        backup = self.chosen_set
        if not self.possible("pin") or backup is None:
            return
        name = backup.name
        if backup.standing.pinned:
            self._keep(name, "unpin", "", f"{name} is pinned no more.")
            return

        def answered(answers: Answers | None) -> None:
            if answers is not None:
                self._keep(name, "pin", answers[0], f"{name} is pinned.")

        self.app.push_screen(Question(f"Pin {name}", [Field("Reason", hint="why it must stay")]), answered)

    def _keep(self, name: str, action: Keep, reason: str, told: str) -> None:
        door = self.quri.console_door
        self.fetch(blocking(lambda: door.keep(name, action, reason=reason)), lambda _: self._told(told), group="do")

    def action_archive(self) -> None:
        """Seal the chosen set into one portable file in the working folder."""
        door = self.quri.console_door
        self._on_chosen(
            "archive",
            lambda name: door.archive(name, Path.cwd()),
            lambda done: self._told(f"Sealed into {done.path}."),
        )

    def action_forget(self) -> None:
        """Hide the chosen set after its name was typed, or bring a forgotten one back."""
        backup = self.chosen_set
        if not self.possible("forget") or backup is None:
            return
        door, name = self.quri.console_door, backup.name
        if backup.forgotten_at is not None:
            self.fetch(blocking(lambda: door.unforget([name])), lambda _: self._told(f"{name} is back."), group="do")
            return

        def answered(answers: Answers | None) -> None:
            if answers is None:
                return
            if answers[0] != name:
                self.app.notify(f"That is not {name}. Nothing was done.", severity="warning")
                return
            told = f"{name} is hidden; the same key brings it back until it is pruned."
            self.fetch(blocking(lambda: door.forget([name], reason=answers[1])), lambda _: self._told(told), group="do")

        fields = [Field("Its name", hint=f"type {name}"), Field("Reason", hint="why")]
        self.app.push_screen(Question(f"Forget {name}", fields), answered)

    def action_compare(self) -> None:
        """Compare the two marked rows, or the row under the cursor with the live canister."""
        from quri_console.ui.screens.compare import CompareScreen

        table = self.table
        marked = [row.key for row in table.rows if row.key in table.marked]
        if len(marked) > 2:
            self.app.notify("Mark two, or none to compare with the live canister.", severity="warning")
        elif len(marked) == 2:
            # the older one on the left: what was, then what is
            self.app.push_screen(CompareScreen(marked[1], marked[0]))
        elif self.possible("compare") and (chosen := self.chosen) is not None:
            other = marked[0] if marked and marked[0] != chosen else "live"
            self.app.push_screen(CompareScreen(chosen, other))

    def _on_chosen(self, action: str, call: Callable[[str], Any], show: Callable[[Any], None]) -> None:
        backup = self.chosen_set
        if self.possible(action) and backup is not None:
            self.say([(Span(f"{action} {backup.name} …", "muted"),)])
            self._previewed = ""
            self.fetch(blocking(lambda: call(backup.name)), show, group="do")

    def _told(self, sentence: str) -> None:
        self.app.notify(escape(sentence))
        self._previewed = ""
        self.read()
