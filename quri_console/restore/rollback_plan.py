"""The plan of a rollback: which state comes back to which canisters, in which steps, and for how many cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quri_console.clock import Clock
from quri_console.config.model import HealthCheck
from quri_console.effects.journal import Record
from quri_console.effects.replay import safety_snapshots
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import read_snapshot_metadata
from quri_console.ic.management.types import MAX_SNAPSHOTS, CanisterStatus, SettingsChange
from quri_console.restore.bill import balances, charges_of_restore, message_cycles, take_cycles
from quri_console.restore.look import Looked, look_at
from quri_console.restore.plan import LiveState, Step
from quri_console.restore.words import named
from quri_console.units import format_cycles


@dataclass(frozen=True, slots=True)
class RollbackMember:
    """One canister of a rollback. Times in nanoseconds since 1970, sizes in bytes."""

    canister: Principal
    name: str
    snapshot_id: bytes
    module_hash: bytes | None
    """The module that the canister had when the safety snapshot was taken, as the restore's plan saw it."""
    health_checks: tuple[HealthCheck, ...] = ()
    settings: SettingsChange | None = None
    """The settings that the restore changed, as they were before it."""
    leftovers: tuple[bytes, ...] = ()
    """Snapshots that the restore made for itself and could not delete; they go, too."""
    taken_at_ns: int = 0
    heap_bytes: int = 0
    stable_bytes: int = 0
    live: LiveState | None = None
    """None until the network was asked."""
    steps: tuple[Step, ...] = ()

    @property
    def status(self) -> str:
        """The status that the canister has, and gets again."""
        return "" if self.live is None else self.live.status


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do; of all canisters that the operation changed. Times in nanoseconds since 1970."""

    network: str
    name: str
    """Of the canister, or of the group."""
    operation: str
    members: tuple[RollbackMember, ...]
    stop_timeout_seconds: int
    production: bool = True
    made_at_ns: int = 0
    kept_until_ns: int = 0
    """Until when the safety snapshots are kept; `snapshots clean` deletes them then."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in words, in their order: each is done for all canisters before the next."""
        if len(self.members) == 1:
            return tuple(step.text for step in self.members[0].steps)
        return tuple(f"{member.name}: {step.text}" for _, member, step in self._ordered())

    @property
    def priced_steps(self) -> tuple[Step, ...]:
        """The same with their cycles."""
        if len(self.members) == 1:
            return self.members[0].steps
        return tuple(replace(step, text=f"{member.name}: {step.text}") for _, member, step in self._ordered())

    def _ordered(self) -> list[tuple[int, RollbackMember, Step]]:
        found = [(_rank(step.text), member, step) for member in self.members for step in member.steps]
        return sorted(found, key=lambda item: item[0])

    @property
    def cycles(self) -> int:
        """The whole bill, ≈."""
        return sum(step.cycles for member in self.members for step in member.steps)


STOP, SAFETY, LOAD, SETTINGS, CHECK, START, DELETE = (
    "stop",
    "take a safety snapshot of the present state",
    "load snapshot",
    "bring the settings back",
    "check module, sizes, globals and certified data",
    "start",
    "delete the snapshot that was loaded",
)
_ORDER = (STOP, SAFETY, LOAD, SETTINGS, CHECK, START, DELETE)


def _rank(text: str) -> int:
    return next(number for number, beginning in enumerate(_ORDER) if text.startswith(beginning))


def safety_snapshot_of(operation: str, records: Sequence[Record], canister: str | None = None, name: str = "") -> bytes:
    """The oldest safety snapshot that a restore kept: the state before it. Raises RefusedBySafetyRule for none."""
    made = safety_snapshots(records, canister=canister)
    if not made:
        raise RefusedBySafetyRule(
            f"{operation} left no safety snapshot{f' of {name}' if name else ''}, so there is nothing to go back to",
            why="it ended before it took one, or its snapshot was used or deleted since",
            next_step="Choose a backup instead: quri-console restore CANISTER --from BACKUP --dry-run.",
        )
    return made[0]


async def plan_rollback(agent: Agent, wish: RollbackPlan, *, clock: Clock) -> RollbackPlan:
    """`wish` completed with what the network shows; no effects. Raises RefusedBySafetyRule, NotAuthorised."""
    members = tuple([await _completed(agent, member, clock) for member in wish.members])
    return replace(wish, members=members, made_at_ns=clock.now_ns())


async def _completed(agent: Agent, wish: RollbackMember, clock: Clock) -> RollbackMember:
    looked = await look_at(agent, wish.canister, wish.name, clock)
    _require_there(wish, looked)
    metadata = await read_snapshot_metadata(agent, wish.canister, wish.snapshot_id)
    size = next(snapshot.total_size_bytes for snapshot in looked.snapshots if snapshot.id == wish.snapshot_id)
    _require_affordable(wish, looked.status, size)
    return replace(
        wish,
        taken_at_ns=metadata.taken_at_ns,
        heap_bytes=metadata.wasm_memory_size,
        stable_bytes=metadata.stable_memory_size,
        live=looked.live(),
        steps=_steps(wish, looked.status, size),
    )


def _steps(wish: RollbackMember, status: CanisterStatus, size: int) -> tuple[Step, ...]:
    charges = charges_of_restore(
        status, size, None, safety=status.module_hash is not None, settings=wish.settings is not None
    )
    cycles = {charge.step: charge.cycles for charge in charges}
    free = all(charge.cycles == 0 for charge in charges)
    load = sum(amount for step, amount in cycles.items() if step.startswith("load"))
    message, runs = 0 if free else message_cycles(), status.status == "running"
    return (
        *([Step(STOP, message, True)] if runs else []),
        *(
            [Step(SAFETY, sum(c for s, c in cycles.items() if s.startswith("safety")), True)]
            if status.module_hash
            else []
        ),
        Step(f"{LOAD} {wish.snapshot_id.hex()}", load, True),
        *([Step(SETTINGS, message, True)] if wish.settings is not None else []),
        Step(CHECK, 0 if free else take_cycles(size) + 8 * message, True),
        *([Step(START, message)] if runs else []),
        Step(DELETE, message),
    )


def _require_affordable(wish: RollbackMember, status: CanisterStatus, size: int) -> None:
    after = balances(status, charges_of_restore(status, size, None, safety=status.module_hash is not None))
    worst = min(after, key=lambda balance: balance.cycles - balance.freezing_limit)
    if worst.frozen:
        missing = format_cycles(max(worst.freezing_limit - worst.cycles, 0))
        raise RefusedBySafetyRule(
            f"{named(wish.name, wish.canister)} has too few cycles to be rolled back",
            why=f"at the tightest ({worst.step}) ≈ {format_cycles(worst.cycles)} would be left, "
            f"and the freezing limit is then ≈ {format_cycles(worst.freezing_limit)}",
            next_step=f"Top the canister up by at least {missing} cycles first.",
        )


def _require_there(wish: RollbackMember, looked: Looked) -> None:
    present = [snapshot.id for snapshot in looked.snapshots]
    if wish.snapshot_id not in present:
        raise RefusedBySafetyRule(
            f"the safety snapshot {wish.snapshot_id.hex()} of {named(wish.name, wish.canister)} "
            "is not on chain any more",
            why="somebody deleted it, or the canister ran out of cycles",
            next_step=f"Choose a backup instead: quri-console restore {wish.name} --from BACKUP --dry-run.",
        )
    if len(present) >= MAX_SNAPSHOTS and looked.status.module_hash is not None:
        raise RefusedBySafetyRule(
            f"{named(wish.name, wish.canister)} has no free snapshot slot",
            why=f"{len(present)} of {MAX_SNAPSHOTS} are used, and the present state needs one before it is replaced",
            next_step="Delete a snapshot that is no longer needed: "
            f"`quri-console snapshots {wish.name}` tells whose each one is.",
        )
