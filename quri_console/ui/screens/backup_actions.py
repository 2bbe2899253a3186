"""What can be done with a chosen backup: each says how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.homes import spelt_out
from quri_console.render.archived import archived_lines, import_command
from quri_console.render.backup_tree import copy_of
from quri_console.render.escape import escape
from quri_console.render.exported import exported_lines
from quri_console.ui.background import blocking
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.screens.working_table import WorkingTable

if TYPE_CHECKING:
    from quri_console.backup.exported_copy import ExportedCopy
    from quri_console.backup.summaries import BackupSummary
    from quri_console.repository.archive import Archived
    from quri_console.repository.check_report import Verification
    from quri_console.service.keeping import Keep


class BackupActions(WorkingTable):
    """The keys of the backups view."""

    @property
    def chosen_set(self) -> BackupSummary | None:
        """The set that the row under the cursor belongs to."""
        raise NotImplementedError

    @property
    def chosen_copy(self) -> str | None:
        """BACKUP/CANISTER with a state: the row under the cursor, or the only one of the chosen set."""
        raise NotImplementedError

    # what can be done

    def action_back_up(self) -> None:
        """Back up the canister that was chosen last in the fleet."""
        from quri_console.ui.screens.backup import BackupScreen

        selected = self.selected
        if self.possible("back_up") and selected is not None:
            self.app.push_screen(BackupScreen(selected.name), lambda _: self.read())

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
        backup, door = self.chosen_set, self.quri.console_door
        if self.possible("verify") and backup is not None:
            name = backup.name
            self.work_on(f"Verify {name}", lambda progress: door.verify(name, progress), self._verified)

    def _verified(self, found: Verification) -> None:
        if found.ok:
            self.told(f"{found.set_name} is whole.")
        else:
            damages = "; ".join(escape(damage.name) for damage in found.damages[:3])
            self.app.notify(f"{found.set_name} is DAMAGED: {damages}", severity="error", timeout=15)
            self.previewed = ""
            self.read()

    def action_rehearse(self) -> None:
        """Load the chosen backup into the sandbox of this machine and ask its health queries."""
        from quri_console.ui.screens.rehearsal import RehearsalScreen

        chosen = self.chosen
        if self.possible("rehearse") and chosen is not None:
            self.app.push_screen(RehearsalScreen(chosen), lambda _: self.read())

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
        self.fetch(blocking(lambda: door.keep(name, action, reason=reason)), lambda _: self.told(told), group="do")

    def action_archive(self) -> None:
        """Seal the chosen set into one portable file, in a folder that is asked for."""
        backup, door = self.chosen_set, self.quri.console_door
        if not self.possible("archive") or backup is None:
            return
        name = backup.name

        def answered(answers: Answers | None) -> None:
            if answers is not None and answers[0]:
                to = answers[0]
                self.work_on(
                    f"Archive {name}", lambda progress: door.archive(name, spelt_out(to), progress), self._archived
                )

        fields = [Field("Into", value=str(Path.cwd()), hint="a folder, or the name of the file")]
        self.app.push_screen(Question(f"Seal {name} into one file", fields), answered)

    def _archived(self, done: Archived) -> None:
        self.show_result(list(archived_lines(done)), import_command(done))

    def action_export_copy(self) -> None:
        """Write the canister's copy as a snapshot directory, which the official tools upload."""
        copy, door = self.chosen_copy, self.quri.console_door
        if not self.possible("export_copy") or copy is None:
            return
        backup, _, canister = copy.partition("/")

        def answered(answers: Answers | None) -> None:
            if answers is not None and answers[0]:
                to = answers[0]
                self.work_on(
                    f"Export {copy}",
                    lambda progress: door.export_copy(backup, canister, spelt_out(to), progress),
                    self._exported,
                )

        fields = [Field("New folder", value=str(Path.cwd() / f"{canister}-{backup}"), hint="it must not be there yet")]
        self.app.push_screen(Question(f"Export {copy} as a snapshot directory", fields), answered)

    def _exported(self, copy: ExportedCopy) -> None:
        self.show_result(list(exported_lines(copy)), copy.next_command)

    def action_forget(self) -> None:
        """Hide the chosen set after its name was typed, or bring a forgotten one back."""
        backup = self.chosen_set
        if not self.possible("forget") or backup is None:
            return
        door, name = self.quri.console_door, backup.name
        if backup.forgotten_at is not None:
            self.fetch(blocking(lambda: door.unforget([name])), lambda _: self.told(f"{name} is back."), group="do")
            return

        def answered(answers: Answers | None) -> None:
            if answers is None:
                return
            if answers[0] != name:
                self.app.notify(f"That is not {name}. Nothing was done.", severity="warning")
                return
            told = f"{name} is hidden; the same key brings it back until it is pruned."
            self.fetch(blocking(lambda: door.forget([name], reason=answers[1])), lambda _: self.told(told), group="do")

        fields = [Field("Its name", by_hand=name), Field("Reason", hint="why")]
        self.app.push_screen(Question(f"Forget {name}", fields), answered)

    def action_compare(self) -> None:
        """Compare the two marked rows, or the row under the cursor with the live canister."""
        from quri_console.ui.screens.compare import CompareScreen

        table = self.table
        marked = list(dict.fromkeys(copy_of(row.key) for row in table.rows if row.key in table.marked))
        if len(marked) > 2:
            self.app.notify("Mark two, or none to compare with the live canister.", severity="warning")
        elif len(marked) == 2:
            # the older one on the left: what was, then what is
            self.app.push_screen(CompareScreen(marked[1], marked[0]))
        elif self.possible("compare") and (chosen := self.chosen) is not None:
            other = marked[0] if marked and marked[0] != chosen else "live"
            self.app.push_screen(CompareScreen(chosen, other))

    def told(self, sentence: str) -> None:
        """Say what was done, and read the listing and the chosen row anew."""
        self.app.notify(escape(sentence))
        self.previewed = ""
        self.read()
