"""Backing up the selected canister, or the marked ones, from plan to result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quri_console.render.backup_plan import backup_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation

if TYPE_CHECKING:
    from quri_console.backup.manifest import TakenMode
    from quri_console.service.following import OperationHandle


class BackupScreen(ConfirmedOperation):
    """Shows what a backup does to the canisters before it does it."""

    verb: ClassVar[str] = "Back up"
    mode: ClassVar[TakenMode] = "stop"
    """How the snapshot is taken."""

    def __init__(self, *canisters: str) -> None:
        super().__init__(",".join(canisters))
        self._canisters = canisters

    async def plan(self) -> Sequence[Line]:
        plan = await self.quri.console_door.plan_backup(self._canisters, mode=self.mode)
        for part in plan.canisters:
            if part.problem is not None:
                raise part.problem
        # groups have an order of their own, in which what is typed names their canisters
        self._canisters = tuple(part.target.name for part in plan.canisters)
        self.canister = ",".join(self._canisters)
        return backup_plan_lines(plan, titled=False)

    def _ask_for_the_name(self) -> None:
        field = self.query_one(TypedConfirmation)
        field.expected = field.placeholder = self.expected
        super()._ask_for_the_name()

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        # on a production network `--force` was part of what had to be typed
        return await self.quri.console_door.start_backup(
            self._canisters, confirmation=confirmation, force=self.production, reason=reason
        )
