"""Operations under way and done: followed, resumed, let go on, ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.effects.operation_summary import OperationSummary
    from quri_console.restore.resolution import Resolution
    from quri_console.service.activity import OperationSteps
    from quri_console.service.following import OperationHandle
    from quri_console.service.operation_reports import OperationEvidence
    from quri_console.service.resolving import Resolved


class Operating(Door):
    """Operations under way and done: followed, resumed, let go on, ended."""

    def operations(self) -> tuple[OperationSummary, ...]:
        """All operations in the state folder, newest first."""
        from quri_console.service import following

        return following.operations(self.session)

    async def all_operations(self) -> tuple[OperationSummary, ...]:
        """As `operations`, read in a thread."""
        from quri_console.service import activity

        return await activity.all_operations(self.session)

    async def operation_steps(self, operation_id: str) -> OperationSteps:
        """An operation with its journal and the end of its log. Raises UsageError, CorruptionError."""
        from quri_console.service import activity

        return await activity.operation_steps(self.session, operation_id)

    async def operation_evidence(self, operation_id: str) -> OperationEvidence:
        """What a report of an operation is made of. Raises UsageError, CorruptionError, StateFolderUnusable."""
        from quri_console.service import operation_reports

        return await operation_reports.operation_evidence(self.session, operation_id)

    def save_report(self, operation_id: str, text: str) -> Path:
        """Keep the report of an operation in the state folder; where. Raises StateFolderUnusable."""
        from quri_console.service import operation_reports

        return operation_reports.save_report(self.session, operation_id, text)

    def resume(self, operation_id: str) -> OperationHandle:
        """Go on with an operation whose process is gone."""
        from quri_console.service import resuming

        return resuming.resume(self.session, operation_id)

    def follow(self, operation_id: str) -> OperationHandle:
        """The handle of an operation that runs or has run, whoever started it."""
        from quri_console.service import following

        return following.follow(self.session, operation_id)

    def proceed(self, operation_id: str) -> OperationHandle:
        """Tell an operation that paused before it stops anything to go on."""
        from quri_console.service import resuming

        return resuming.proceed(self.session, operation_id)

    def abort(self, operation_id: str) -> OperationHandle:
        """Ask a running operation to end before its next effect."""
        from quri_console.service import resuming

        return resuming.abort(self.session, operation_id)

    async def plan_resolution(self, operation_id: str) -> Resolution:
        """What an operation that is not to be gone on with has left behind; has no effects. Raises as `resolve`."""
        from quri_console.service import resolution_look

        return await resolution_look.plan_resolution(self.session, operation_id)

    async def resolve(
        self,
        operation_id: str,
        *,
        reason: str,
        confirmation: str = "",
        force: bool = False,
        leave_stopped: bool = False,
    ) -> Resolved:
        """Mark an operation resolved; what it left stopped is started first unless `leave_stopped`.

        On a production network `force` and the typed NETWORK/NAME are needed. Raises RefusedBySafetyRule, LockedError,
        UsageError, StateFolderUnusable.
        """
        from quri_console.service import resolving

        return await resolving.resolve(
            self.session,
            operation_id,
            reason=reason,
            confirmation=confirmation,
            force=force,
            leave_stopped=leave_stopped,
        )
