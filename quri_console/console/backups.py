"""Backups: taken, read, compared, proved, carried in and out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.backup.browse import OpenBackup
    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.comparison import Part
    from quri_console.backup.diff import Approve, Diff
    from quri_console.backup.exported_copy import ExportedCopy
    from quri_console.backup.import_backup import Imported
    from quri_console.backup.manifest import TakenMode
    from quri_console.backup.plan import BackupPlan
    from quri_console.backup.summaries import BackupSummary
    from quri_console.progress import Progress
    from quri_console.repository.archive import Archived
    from quri_console.repository.check_report import Verification
    from quri_console.restore.rehearsal import SetRehearsal
    from quri_console.service.following import OperationHandle
    from quri_console.service.imports import ImportWishes, NotImported


class Backups(Door):
    """Backups: taken, read, compared, proved, carried in and out."""

    async def plan_backup(
        self,
        canisters: Sequence[str],
        *,
        mode: TakenMode = "stop",
        stop_timeout_seconds: float = 60.0,
        snapshots: Mapping[str, str] | None = None,
    ) -> BackupPlan:
        """What backing up these canisters (names or ids; all of the fleet when empty) would do and cost."""
        from quri_console.service import audit
        from quri_console.service.backups import plan_of_backup

        plan = await plan_of_backup(
            self.session, canisters, mode=mode, stop_timeout_seconds=stop_timeout_seconds, snapshots=snapshots
        )
        audit.note_backup_plan(self.session, plan)
        return plan

    async def start_backup(
        self,
        canisters: Sequence[str],
        *,
        mode: TakenMode = "stop",
        stop_timeout_seconds: float = 60.0,
        snapshots: Mapping[str, str] | None = None,
        confirmation: str = "",
        force: bool = False,
        reason: str | None = None,
    ) -> OperationHandle:
        """Back up canisters (names or ids; all of the fleet when empty) in a runner process.

        `snapshots` are ids in hex by canister name, for mode `reuse`. On a production network `force` and the typed
        NETWORK/NAME are needed.
        """
        from quri_console.service import backup_start

        return await backup_start.start_backup(
            self.session,
            canisters,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
            snapshots=snapshots,
            confirmation=confirmation,
            force=force,
            reason=reason,
        )

    def backups(self) -> tuple[BackupSummary, ...]:
        """The backups of the repository that nobody forgot, newest first; none where there is no repository yet."""
        from quri_console.service import browsing

        return browsing.backups(self.session)

    def backup(self, name: str = "latest") -> OpenBackup:
        """A backup by its name, how that begins, or `latest`, opened for reading.

        Raises RepositoryMissing, BackupNotFound, CorruptionError, NewerFormat.
        """
        from quri_console.service import browsing

        return browsing.opened_backup(self.session, name)

    def held_backup(self, name: str, holder: str) -> AbstractContextManager[tuple[OpenBackup, Callable[[], None]]]:
        """As `backup`, held against prune for the length of a `with` block; with what keeps it so in a long one.

        `holder` says what it is read for. Raises RepositoryLocked.
        """
        from quri_console.service import browsing

        return browsing.held_backup(self.session, name, holder)

    def export_copy(self, backup: str, canister: str, to: Path, progress: Progress | None = None) -> ExportedCopy:
        """Write a canister's copy into the new directory `to`, as the official tools upload it.

        Held against prune meanwhile. Raises as `backup`, NoState, UsageError, CorruptionError, StorageFailed.
        """
        from quri_console.service import browsing

        return browsing.export_copy(self.session, backup, canister, to, progress)

    def look_into(self, name: str) -> BackupLook:
        """Everything that is known of a backup or, as BACKUP/CANISTER, of a canister in it. Raises as `backup`."""
        from quri_console.service import browsing

        return browsing.look_into(self.session, name)

    def verify(self, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> Verification:
        """Read a backup again and note beside it what came of it; damage is told, not raised."""
        from quri_console.service import checks

        return checks.verify(self.session, backup, progress, wait_seconds=wait_seconds)

    def verify_all(self, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> Iterator[Verification]:
        """Read every backup again, one after the other."""
        from quri_console.service import checks

        return checks.verify_all(self.session, progress, wait_seconds=wait_seconds)

    def rehearse(self, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> SetRehearsal:
        """Load a backup, or one canister of it (BACKUP/CANISTER), into the sandbox and ask its health queries."""
        from quri_console.service.rehearsals import rehearse_backup

        return rehearse_backup(self.session, backup, progress, wait_seconds=wait_seconds)

    def rehearse_new(
        self, progress: Progress | None = None, *, since_seconds: float | None = None, wait_seconds: float = 0.0
    ) -> Iterator[SetRehearsal]:
        """Rehearse every backup that was not yet, oldest first."""
        from quri_console.service.rehearsals import rehearse_new

        return rehearse_new(self.session, progress, since_seconds=since_seconds, wait_seconds=wait_seconds)

    def import_backups(
        self, paths: Sequence[Path], wishes: ImportWishes, progress: Progress | None = None
    ) -> Iterator[Imported | NotImported]:
        """Take over what lies at the paths, one thing after the other; a faulty one leaves the others alone."""
        from quri_console.service.imports import import_backups

        return import_backups(self.session, paths, wishes, progress)

    def archive(self, backup: str, to: Path, progress: Progress | None = None) -> Archived:
        """Seal a backup into the file `to`, or into one called after it in the folder `to`."""
        from quri_console.service.archives import archive_backup

        return archive_backup(self.session, backup, to, progress)

    async def diff(
        self,
        left: str,
        right: str,
        *,
        approve: Approve,
        parts: Collection[Part] | None = None,
        progress: Progress | None = None,
        wait_seconds: float = 0.0,
    ) -> Diff:
        """What differs between two sides, named as on the command line; has no effects.

        `approve` is called before a snapshot on chain is read, which costs its canister cycles, and raises to refuse.
        `wait_seconds`: how long to wait for others who prune the repository. Raises UsageError, RepositoryLocked,
        and as reading backups and the network does.
        """
        from quri_console.backup.comparison import PARTS
        from quri_console.service.comparisons import diff

        return await diff(
            self.session,
            left,
            right,
            approve=approve,
            parts=parts or PARTS,
            progress=progress,
            wait_seconds=wait_seconds,
        )
