"""Taking a copy of the present state while the canister runs, so that a restore's plan can compare its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from quri_console.ui.screens.backup import BackupScreen

if TYPE_CHECKING:
    from quri_console.backup.manifest import TakenMode
    from quri_console.service.following import OperationHandle


class PresentStateScreen(BackupScreen):
    """Stops nothing; leads back to the plan, which is then made anew."""

    mode: ClassVar[TakenMode] = "hot"

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        # on a production network `--force` was part of what had to be typed
        return await self.quri.console_door.start_present_state(
            self.canister, confirmation=confirmation, force=self.production, reason=reason
        )
