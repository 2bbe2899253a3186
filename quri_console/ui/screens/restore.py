"""Restoring the selected canister from its newest backup, from dry run to result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation

if TYPE_CHECKING:
    from quri_console.restore.plan import RestorePlan
    from quri_console.service.operations import OperationHandle


class RestoreScreen(ConfirmedOperation):
    """Shows the dry run, and carries out exactly the plan that was shown."""

    verb: ClassVar[str] = "Restore"

    def __init__(self, canister: str) -> None:
        super().__init__(canister)
        self._plan: RestorePlan | None = None

    async def plan(self) -> Sequence[Line]:
        self._plan = await self.quri.console_door.plan_restore(self.canister)
        self.feasible = self._plan.feasible
        return restore_plan_lines(self._plan, titled=False)

    async def start(self, confirmation: str) -> OperationHandle:
        assert self._plan is not None
        # on a production network `--force` was part of what had to be typed
        door = self.quri.console_door
        return await door.start_restore(self._plan, confirmation=confirmation, force=self.production)
