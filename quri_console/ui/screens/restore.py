"""The last page of the wizard: the dry run of one restore point, the typed name, the operation, keep or roll back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation

if TYPE_CHECKING:
    from quri_console.restore.plan import RestorePlan
    from quri_console.service.following import OperationHandle


class RestoreScreen(ConfirmedOperation):
    """Shows the dry run, and carries out exactly the plan that was shown."""

    verb: ClassVar[str] = "Restore"
    asks_reason = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rehearse", "Rehearse", key_display="Ctrl-R"),
        Binding("ctrl+t", "take_present_state", "Compare memory", key_display="Ctrl-T"),
    ]

    def __init__(self, canister: str, source: str = "latest") -> None:
        super().__init__(canister)
        self._source = source
        self._plan: RestorePlan | None = None
        self._stale = False

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

    def action_take_present_state(self) -> None:
        """Back the present state up first, so that the difference shows which pages of memory changed."""
        from quri_console.ui.screens.present_state import PresentStateScreen

        if self._plan is None or self._plan.source.kind != "backup" or self.started:
            self.app.notify("Only a plan from a backup can compare memory, before it is started.", severity="warning")
            return
        # `latest` is the copy of the present state from then on
        self._source = self._plan.source.set_path
        self._stale = True
        self.app.push_screen(PresentStateScreen(self.canister))

    def on_screen_resume(self) -> None:
        """Plan anew where the present state was taken meanwhile."""
        if self._stale:
            self._stale = False
            self.plan_again()

    def action_rehearse(self) -> None:
        """Load the backup into the sandbox of this machine first; nothing is sent anywhere."""
        from quri_console.ui.screens.rehearsal import RehearsalScreen

        if self._plan is None or self._plan.source.kind != "backup":
            self.app.notify("Only a backup can be rehearsed.", severity="warning")
            return
        self.app.push_screen(RehearsalScreen(self._plan.source.label))
