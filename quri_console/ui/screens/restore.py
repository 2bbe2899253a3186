"""The last page of the wizard: the dry run of one restore point, the typed name, the operation, keep or roll back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation
from quri_console.ui.widgets.operation_view import OperationView

if TYPE_CHECKING:
    from quri_console.restore.plan import RestorePlan
    from quri_console.service.following import OperationHandle


class RestoreScreen(ConfirmedOperation):
    """Shows the dry run, and carries out exactly the plan that was shown."""

    verb: ClassVar[str] = "Restore"
    asks_reason = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rehearse", "Rehearse", show=False),
        Binding("g", "proceed", "Go on", show=False),
    ]

    def __init__(self, canister: str, source: str = "latest") -> None:
        super().__init__(canister)
        self._source = source
        self._plan: RestorePlan | None = None

    async def plan(self) -> Sequence[Line]:
        self._plan = await self.quri.console_door.plan_restore(self.canister, self._source)
        self.feasible = self._plan.feasible
        return restore_plan_lines(self._plan, titled=False)

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        assert self._plan is not None
        # on a production network `--force` was part of what had to be typed
        door = self.quri.console_door
        return await door.start_restore(
            # the point of no return is asked about once more where it matters most
            self._plan,
            confirmation=confirmation,
            force=self.production,
            reason=reason,
            pause=self.production,
        )

    def action_proceed(self) -> None:
        """Go on where it waits before anything is stopped."""
        handle = self.query_one(OperationView).handle
        if handle is None or not handle.running():
            self.app.notify("Nothing waits.", severity="warning")
            return
        self.quri.console_door.proceed(handle.id)

    def action_rehearse(self) -> None:
        """Load the backup into the sandbox of this machine first; nothing is sent anywhere."""
        from quri_console.ui.screens.rehearsal import RehearsalScreen

        if self._plan is None or self._plan.source.kind != "backup":
            self.app.notify("Only a backup can be rehearsed.", severity="warning")
            return
        self.app.push_screen(RehearsalScreen(self._plan.source.label))
