"""Remedies less than a restore: start, stop, top-up, create, settings, module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.restore.remedies import Proposal
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.service.following import OperationHandle
    from quri_console.service.left_stopped import LeftStopped


class Remedying(Door):
    """Remedies less than a restore: start, stop, top-up, create, settings, module."""

    async def remedies(self, canister: str) -> Proposal:
        """What would help a canister, least destructive first; has no effects. Raises NetworkError."""
        from quri_console.service import remedies

        return await remedies.propose(self.session, canister)

    async def plan_start(self, canister: str) -> RemedyPlan:
        """What starting a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_start(self.session, canister)

    async def plan_stop(self, canister: str, *, stop_timeout_seconds: float = 60.0) -> RemedyPlan:
        """What stopping a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_stop(self.session, canister, stop_timeout_seconds=stop_timeout_seconds)

    async def plan_top_up(self, canister: str, amount: int, *, from_subaccount: bytes | None = None) -> RemedyPlan:
        """What paying `amount` cycles of the cycles ledger into a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_top_up(self.session, canister, amount, from_subaccount=from_subaccount)

    async def plan_create(
        self, canister: str, source: str = "latest", *, amount: int, from_subaccount: bytes | None = None
    ) -> RemedyPlan:
        """What creating a canister in the place of one that is gone would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_create(
            self.session, canister, source, amount=amount, from_subaccount=from_subaccount
        )

    async def plan_settings(self, canister: str, source: str = "latest") -> RemedyPlan:
        """What putting a backup's settings and controllers back would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_settings(self.session, canister, source)

    async def plan_settings_back(self, operation_id: str) -> RemedyPlan:
        """What taking the settings of an operation back would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_settings_back(self.session, operation_id)

    async def plan_module(
        self, canister: str, source: str = "latest", *, stop_timeout_seconds: float = 60.0
    ) -> RemedyPlan:
        """What an upgrade to a backup's module, the memory kept, would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_module(self.session, canister, source, stop_timeout_seconds=stop_timeout_seconds)

    async def start_remedy(
        self, plan: RemedyPlan, *, confirmation: str = "", force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Carry the plan of a smaller remedy out in a runner process; `confirmation` is the typed NETWORK/NAME."""
        from quri_console.service import remedies

        return await remedies.start_remedy(self.session, plan, confirmation=confirmation, force=force, reason=reason)

    async def bring_back(self) -> tuple[LeftStopped, ...]:
        """Start again what operations that died left stopped; what was found. Asks nobody."""
        from quri_console.service import left_stopped

        return await left_stopped.bring_back(self.session)
