"""Undoing a restore: the safety snapshots that it took take the place of the states, by the same safe exchange."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.clock import Clock
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.management.read import read_snapshot_metadata
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.drift import Vigil
from quri_console.restore.health import Unhealthy, ask_all
from quri_console.restore.journalled import state_of
from quri_console.restore.leftovers import Leftover, delete_leftovers, own_leftovers
from quri_console.restore.rollback_plan import RollbackMember, RollbackPlan, plan_rollback, safety_snapshot_of
from quri_console.restore.settings_step import require_still_controller
from quri_console.restore.swap import NEW_STATE, RestoreFailed, Swap, SwapReport, SwapTarget
from quri_console.restore.swap_target import Exchanged, unread_metadata
from quri_console.restore.undoing import WayBack, unfinished

__all__ = [
    "RollbackMember",
    "RollbackPlan",
    "RollbackReport",
    "plan_rollback",
    "roll_back",
    "safety_snapshot_of",
]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """How the rollback of one canister went; `safety_snapshot` has the state that it replaced."""

    canister: str
    name: str
    safety_snapshot: bytes | None
    downtime_seconds: float
    status: str
    health: str

    def result(self) -> dict[str, object]:
        """The part of the outcome that is about it."""
        return {
            "canister": self.canister,
            "name": self.name,
            "safety_snapshot": None if self.safety_snapshot is None else self.safety_snapshot.hex(),
            "downtime_seconds": round(self.downtime_seconds, 3),
            "status": self.status,
            "health": self.health,
        }


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """How a rollback went."""

    operation: str
    members: tuple[RolledBack, ...]
    notes: tuple[str, ...]

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it: one canister's own, or each member's and what they have in common."""
        common = {
            "rolled_back": self.operation,
            "state": f"the state before {self.operation}",
            "notes": list(self.notes),
        }
        first = self.members[0].result()
        if len(self.members) == 1:
            return {**first, **common}
        downtime = round(max(member.downtime_seconds for member in self.members), 3)
        kept = {"safety_snapshot": first["safety_snapshot"], "downtime_seconds": downtime}
        return {**common, **kept, "members": [member.result() for member in self.members]}


async def roll_back(plan: RollbackPlan, effects: Effects, *, clock: Clock, progress: Progress) -> RollbackReport:
    """Bring the state before a restore back to all its canisters, or to none. Raises what `execute` raises."""
    notes = list(await recover(effects))
    exchanged = [_exchanged(member, plan) for member in plan.members]
    if unfinished(effects.journal.records) is not None:
        await WayBack(effects, exchanged, progress).finish()
    if not any(state_of(effects, item) == NEW_STATE for item in exchanged):
        # whether the snapshots are still there, and the cycles enough
        await plan_rollback(effects.agent, plan, clock=clock)
    try:
        targets = [await _target(member, plan, effects) for member in plan.members]
        swapped = await Swap(effects, targets, progress).run()
    except QuriError as error:
        if not isinstance(error.__cause__ if isinstance(error, RestoreFailed) else error, NetworkError):
            await delete_leftovers(effects, own_leftovers(effects, [(m.canister, m.name) for m in plan.members]))
        raise
    members = [
        await _rolled_back(member, report, effects, progress)
        for member, report in zip(plan.members, swapped, strict=True)
    ]
    used = [
        Leftover(member.canister, member.name, identifier)
        for member in plan.members
        for identifier in (member.snapshot_id, *member.leftovers)
    ]
    ours = own_leftovers(effects, [(member.canister, member.name) for member in plan.members])
    notes += await delete_leftovers(effects, [*used, *ours])
    notes += [note for report in swapped for note in report.notes]
    return RollbackReport(plan.operation, tuple(members), tuple(notes))


def _exchanged(member: RollbackMember, plan: RollbackPlan) -> Exchanged:
    assert member.live is not None, "a plan that was shown has looked at the canister"
    return Exchanged(
        canister=member.canister,
        name=member.name,
        live=member.live,
        snapshot_id=member.snapshot_id,
        stop_timeout_seconds=plan.stop_timeout_seconds,
        settings=member.settings,
    )


async def _target(member: RollbackMember, plan: RollbackPlan, effects: Effects) -> SwapTarget:
    what = _exchanged(member, plan)
    require_still_controller(effects.agent.identity.sender, member.name, member.canister, member.settings)
    if state_of(effects, what) == NEW_STATE:
        metadata = unread_metadata()
    else:
        await Vigil(effects, member.canister, member.name, what.live).begin()
        metadata = await read_snapshot_metadata(effects.agent, member.canister, member.snapshot_id)
    return SwapTarget(
        canister=what.canister,
        name=what.name,
        live=what.live,
        snapshot_id=what.snapshot_id,
        stop_timeout_seconds=what.stop_timeout_seconds,
        settings=what.settings,
        metadata=metadata,
        module_hash=member.module_hash,
        safety_snapshot=what.live.module_hash is not None,
    )


async def _rolled_back(member: RollbackMember, report: SwapReport, effects: Effects, progress: Progress) -> RolledBack:
    return RolledBack(
        canister=member.canister.to_str(),
        name=member.name,
        safety_snapshot=report.safety_snapshot,
        downtime_seconds=report.downtime_seconds,
        status=report.status,
        health=await _health(member, effects, report.status, progress),
    )


async def _health(member: RollbackMember, effects: Effects, status: str, progress: Progress) -> str:
    """What the health query says; a failure is no failure of the rollback, it may be why there was a restore."""
    if not member.health_checks or status != "running":
        return "not asked"
    progress.report(ProgressEvent("health", subject=member.name))
    try:
        return await ask_all(effects.agent, member.canister, member.health_checks, name=member.name)
    except (Unhealthy, NetworkError) as error:
        return str(error)
