"""Rolling an operation back, from plan to result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quri_console.render.rollback_plan import rollback_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation

if TYPE_CHECKING:
    from quri_console.restore.rollback import RollbackPlan
    from quri_console.service.following import OperationHandle


class RollbackScreen(ConfirmedOperation):
    """Shows what loading the safety snapshot does before it does it."""

    verb: ClassVar[str] = "Roll back"
    asks_reason = True

    def __init__(self, canister: str, operation_id: str) -> None:
        super().__init__(canister)
        self._operation_id = operation_id
        self._plan: RollbackPlan | None = None

    async def plan(self) -> Sequence[Line]:
        from quri_console.restore.plan import plan_hash

        door = self.quri.console_door
        self._plan = await door.plan_rollback(self._operation_id)
        return rollback_plan_lines(self._plan, plan_hash=plan_hash(self._plan), now_ns=door.clock.now_ns())

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        door = self.quri.console_door
        return await door.start_rollback(
            self._operation_id, confirmation=confirmation, force=self.production, reason=reason, shown=self._plan
        )
