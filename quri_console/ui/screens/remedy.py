"""Starting, topping up, settings only, module only: the plan, the typed name, the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quri_console.errors import UsageError
from quri_console.render.remedy_plan import remedy_plan_lines
from quri_console.render.spans import Line
from quri_console.ui.screens.confirmation import ConfirmedOperation

if TYPE_CHECKING:
    from quri_console.restore.remedies import RemedyName
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.service.following import OperationHandle

TITLES = {"start": "Start", "stop": "Stop", "top-up": "Top up", "settings": "Settings of", "module": "Module of"}


class RemedyScreen(ConfirmedOperation):
    """Carries out exactly the plan that was shown. `amount` in cycles, for a top-up."""

    verb: ClassVar[str] = "Start"
    asks_reason = True

    def __init__(self, canister: str, remedy: RemedyName | str, *, amount: int = 0) -> None:
        super().__init__(canister)
        self._remedy = remedy
        self._amount = amount
        self._plan: RemedyPlan | None = None
        self.verb = TITLES.get(remedy, remedy)  # type: ignore[misc]

    async def plan(self) -> Sequence[Line]:
        self._plan = await self._made()
        self.feasible = self._plan.feasible
        return remedy_plan_lines(self._plan)[1:]

    async def _made(self) -> RemedyPlan:
        door = self.quri.console_door
        match self._remedy:
            case "start":
                return await door.plan_start(self.canister)
            case "stop":
                return await door.plan_stop(self.canister)
            case "top-up":
                return await door.plan_top_up(self.canister, self._amount)
            case "settings":
                return await door.plan_settings(self.canister)
            case "module":
                return await door.plan_module(self.canister)
        raise UsageError(f"{self._remedy} has no page here", next_step="Use the command that the remedies name.")

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        assert self._plan is not None
        door = self.quri.console_door
        return await door.start_remedy(self._plan, confirmation=confirmation, force=self.production, reason=reason)
