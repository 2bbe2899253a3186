"""Backing up the selected canister, from plan to result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quri_console.render.backup_plan import backup_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation

if TYPE_CHECKING:
    from quri_console.service.operations import OperationHandle


class BackupScreen(ConfirmedOperation):
    """Shows what a backup does to the canister before it does it."""

    verb: ClassVar[str] = "Back up"

    async def plan(self) -> Sequence[Line]:
        plan = await self.quri.console_door.plan_backup([self.canister])
        for part in plan.canisters:
            if part.problem is not None:
                raise part.problem
        return backup_plan_lines(plan, titled=False)

    async def start(self, confirmation: str) -> OperationHandle:
        # on a production network `--force` was part of what had to be typed
        return await self.quri.console_door.start_backup(
            [self.canister], confirmation=confirmation, force=self.production
        )
