"""The repository's soundness: check, repair, what is kept and what goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from quri_console.backup.summaries import RepositorySummary
    from quri_console.progress import Progress
    from quri_console.repository.check_report import CheckReport
    from quri_console.repository.locks import LockInfo
    from quri_console.repository.marks import Mark
    from quri_console.repository.prune_plan import PrunePlan, PruneResult
    from quri_console.repository.repair_report import IndexRepair, MarksRepair, PacksRepair
    from quri_console.service.checks import CheckRequest
    from quri_console.service.forgetting import ForgetPlan
    from quri_console.service.keeping import Keep


class RepositoryCare(Door):
    """The repository's soundness: check, repair, what is kept and what goes."""

    def repository_summary(self) -> RepositorySummary:
        """All backups of the repository, forgotten and unfinished ones too, and the room they take."""
        from quri_console.service import browsing

        return browsing.repository_summary(self.session)

    def check(self, request: CheckRequest, progress: Progress | None = None) -> CheckReport:
        """Check the whole repository; damage is told, not raised."""
        from quri_console.service import checks

        return checks.check(self.session, request, progress)

    def repair_index(
        self, progress: Progress | None = None, *, dry_run: bool = False, wait_seconds: float = 0.0
    ) -> IndexRepair:
        """Make the index of the repository anew from its packs."""
        from quri_console.service import checks

        return checks.repaired_index(self.session, progress, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_packs(
        self,
        names: Sequence[str] = (),
        progress: Progress | None = None,
        *,
        dry_run: bool = False,
        wait_seconds: float = 0.0,
    ) -> PacksRepair:
        """Put damaged packs away (these, by how their names begin, or all) and store anew what can be read of them."""
        from quri_console.service import checks

        return checks.repaired_packs(self.session, names, progress, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_marks(self, *, dry_run: bool = False, wait_seconds: float = 0.0) -> MarksRepair:
        """Put damaged marks away, and leave a hold in their place."""
        from quri_console.service import checks

        return checks.repaired_marks(self.session, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_locks(self, *, dry_run: bool = False) -> tuple[tuple[LockInfo, ...], tuple[LockInfo, ...]]:
        """Remove locks of processes that are gone, and unreadable ones; those, and those that are left."""
        from quri_console.service import checks

        return checks.repaired_locks(self.session, dry_run=dry_run)

    def keep(
        self,
        backup: str,
        action: Keep,
        *,
        reason: str,
        expires_at: datetime | None = None,
        wait_seconds: float = 0,
    ) -> Mark:
        """Pin or hold a backup (a name, how it begins, or latest), or end that.

        Raises UsageError, BackupNotFound, RefusedBySafetyRule, RepositoryLocked.
        """
        from quri_console.service.keeping import keep

        return keep(self.session, backup, action, reason=reason, expires_at=expires_at, wait_seconds=wait_seconds)

    def forget(
        self,
        backups: Sequence[str] = (),
        *,
        by_policy: bool = False,
        reason: str = "",
        dry_run: bool = False,
        wait_seconds: float = 0,
    ) -> ForgetPlan:
        """Hide backups (whole names), or those that the retention policy keeps no longer; nothing is deleted.

        Raises RefusedBySafetyRule, UsageError, RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
        """
        from quri_console.service.forgetting import forget_backups

        return forget_backups(
            self.session, backups, by_policy=by_policy, reason=reason, dry_run=dry_run, wait_seconds=wait_seconds
        )

    def unforget(self, backups: Sequence[str], *, wait_seconds: float = 0) -> tuple[str, ...]:
        """Bring forgotten backups back; those that had been forgotten. Raises RefusedBySafetyRule, RepositoryLocked."""
        from quri_console.service.forgetting import unforget_backups

        return unforget_backups(self.session, backups, wait_seconds=wait_seconds)

    def plan_prune(
        self, *, grace: timedelta | None = None, dry_run: bool = False, wait_seconds: float = 0
    ) -> PrunePlan:
        """What a prune would do now; `grace` is the configuration's unless given.

        Raises RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
        """
        from quri_console.service.keeping import prune_plan

        return prune_plan(self.session, grace=grace, dry_run=dry_run, wait_seconds=wait_seconds)

    def prune(self, plan: PrunePlan, *, wait_seconds: float = 0, progress: Progress | None = None) -> PruneResult:
        """Carry a plan out: delete what was forgotten long enough ago, and what no backup needs."""
        from quri_console.service.keeping import prune

        return prune(self.session, plan, wait_seconds=wait_seconds, progress=progress)

    def prune_at_once(
        self,
        show: Callable[[PrunePlan], None],
        *,
        grace: timedelta | None = None,
        wait_seconds: float = 0,
        progress: Progress | None = None,
    ) -> PruneResult:
        """Plan, `show` and carry out under one lock, where nobody has to be asked between. Raises as `prune`."""
        from quri_console.service.keeping import prune_at_once

        return prune_at_once(self.session, grace=grace, show=show, wait_seconds=wait_seconds, progress=progress)
