"""The way back of a canister's state: points, plans, restores, rollbacks, snapshots on chain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.restore.chain_snapshots import SnapshotsView
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.points import RestorePoints
    from quri_console.restore.ready import Readiness
    from quri_console.restore.rollback import RollbackPlan
    from quri_console.restore.snapshot_deletion import DeletionPlan
    from quri_console.service.following import OperationHandle
    from quri_console.service.restores import RestoreWishes


class Restoring(Door):
    """The way back of a canister's state: points, plans, restores, rollbacks, snapshots on chain."""

    async def restore_points(self, canister: str) -> RestorePoints:
        """What a canister can be restored from, newest first; has no effects. Raises UsageError."""
        from quri_console.service.restore_points import restore_points

        return await restore_points(self.session, canister)

    async def plan_restore(
        self, canister: str, source: str = "latest", wishes: RestoreWishes | None = None
    ) -> RestorePlan:
        """What a restore would do and change; has no effects.

        `source` is a backup's name or path, `latest`, or a snapshot on chain, `snapshot:ID`. Raises BackupNotFound,
        UsageError, CorruptionError, RefusedBySafetyRule, NotAuthorised, NetworkError.
        """
        from quri_console.service import audit, restores

        plan = await restores.plan_restore(self.session, canister, source, wishes or restores.NO_WISHES)
        audit.note_restore_plan(self.session, plan)
        return plan

    async def plan_group_restore(
        self, group: str, source: str = "latest", wishes: RestoreWishes | None = None
    ) -> GroupPlan:
        """What restoring a whole group from one consistent set would do; has no effects. Raises as `plan_restore`."""
        from quri_console.service import audit, restores

        plan = await restores.plan_group_restore(self.session, group, source, wishes or restores.NO_WISHES)
        for member in plan.members:
            audit.note_restore_plan(self.session, member)
        return plan

    async def start_present_state(
        self, canister: str, *, confirmation: str = "", force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Back the present state of a canister up while it runs, so that a restore's plan can compare its pages.

        On a production network `force` and the typed NETWORK/NAME are needed.
        """
        from quri_console.service.present_state import start_present_state

        return await start_present_state(self.session, canister, confirmation=confirmation, force=force, reason=reason)

    def save_restore_plan(
        self, plan: RestorePlan | GroupPlan, path: Path, *, valid_seconds: float
    ) -> RestorePlan | GroupPlan:
        """Write a plan into a file that only its owner can read; the plan with its end."""
        from quri_console.service.plan_files import save_plan

        return save_plan(plan, path, valid_seconds=valid_seconds)

    async def saved_restore_plan(self, path: Path) -> RestorePlan | GroupPlan:
        """The plan in a file, when everything is still as it found it. Raises RefusedBySafetyRule, UsageError."""
        from quri_console.service.plan_files import plan_to_apply

        return await plan_to_apply(self.session, path)

    async def start_restore(
        self,
        plan: RestorePlan | GroupPlan,
        *,
        confirmation: str,
        force: bool = False,
        reason: str | None = None,
        undo_if_unhealthy: bool = False,
        pause: bool = False,
    ) -> OperationHandle:
        """Carry a plan out in a runner process; `confirmation` is the typed NETWORK/NAME.

        With `pause` it waits for `proceed` before it stops anything.
        """
        from quri_console.service import restores

        return await restores.start_restore(
            self.session,
            plan,
            confirmation=confirmation,
            force=force,
            reason=reason,
            undo_if_unhealthy=undo_if_unhealthy,
            pause=pause,
        )

    async def plan_rollback(self, operation_id: str) -> RollbackPlan:
        """What undoing a restore would do; has no effects."""
        from quri_console.service import audit, rollbacks

        plan = await rollbacks.plan_rollback(self.session, operation_id)
        audit.note_rollback_plan(self.session, plan)
        return plan

    async def start_rollback(
        self,
        operation_id: str,
        *,
        confirmation: str,
        force: bool = False,
        reason: str | None = None,
        shown: RollbackPlan | None = None,
    ) -> OperationHandle:
        """Undo a restore by its safety snapshot, in a runner process; `shown` is the plan that was confirmed."""
        from quri_console.service import rollbacks

        return await rollbacks.start_rollback(
            self.session, operation_id, confirmation=confirmation, force=force, reason=reason, shown=shown
        )

    async def readiness(self, canisters: Sequence[str] = ()) -> tuple[Readiness, ...]:
        """Whether these canisters (all when empty) could be restored now; kept in the history, no other effects."""
        from quri_console.service import readiness

        return await readiness.readiness(self.session, canisters)

    async def snapshots(self, canister: str | None = None) -> SnapshotsView:
        """The snapshots that the fleet, or one canister, has on chain, and whose they are; has no effects."""
        from quri_console.service import snapshots

        return await snapshots.snapshots(self.session, canister)

    async def plan_snapshot_deletion(self, canister: str, snapshot: str) -> DeletionPlan:
        """What deleting a snapshot (its id in hex, or how that begins) would do; has no effects."""
        from quri_console.service import snapshots

        return await snapshots.plan_deletion(self.session, canister, snapshot)

    async def plan_snapshot_cleaning(self, canister: str | None = None) -> DeletionPlan | None:
        """Which of our own snapshots are not needed any more; None when there are none. Has no effects."""
        from quri_console.service import snapshots

        return await snapshots.plan_cleaning(self.session, canister)

    async def start_snapshot_deletion(
        self, plan: DeletionPlan, *, confirmation: str, force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Delete snapshots from the network in a runner process; `confirmation` is the typed NETWORK/NAME."""
        from quri_console.service import snapshots

        return await snapshots.start_deletion(self.session, plan, confirmation=confirmation, force=force, reason=reason)
