"""What is looked at before a restore; each failed check says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.errors import ExitCode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import MAX_SNAPSHOTS, CanisterSettings, CanisterStatus, SnapshotMetadata
from quri_console.restore.bill import Balance
from quri_console.restore.plan import Check
from quri_console.units import format_cycles


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks judge."""

    sender: Principal
    status: CanisterStatus
    snapshots: int
    balances: Sequence[Balance]
    backup_root_key_hash: bytes
    root_key_hash: bytes
    backup_label: str
    globals_known: bool
    lock_holder: str | None


def checks(facts: Facts) -> tuple[Check, ...]:
    """All checks, in the order in which an operator would look."""
    return (
        _controller(facts),
        _network(facts),
        # a restore point that is not whole never gets this far
        Check("backup", True, f"{facts.backup_label}: every digest was read again and is right"),
        _globals(facts),
        _state(facts),
        _slots(facts),
        _balance(facts),
        _lock(facts),
    )


def _controller(facts: Facts) -> Check:
    passed = facts.sender in facts.status.settings.controllers
    return Check(
        "controller",
        passed,
        f"{facts.sender.to_str()} {'controls' if passed else 'does not control'} the canister",
        "" if passed else "Use the key of a controller as [identities.operate], or let one add this principal.",
        ExitCode.NOT_AUTHORISED,
    )


def _network(facts: Facts) -> Check:
    passed = facts.backup_root_key_hash == facts.root_key_hash
    return Check(
        "network",
        passed,
        "the backup was taken on this network" if passed else "the backup was taken on another network (root key)",
        "" if passed else "Choose a backup of this network; names and ids alone do not make it the same canister.",
    )


def _globals(facts: Facts) -> Check:
    return Check(
        "globals",
        facts.globals_known,
        "all known" if facts.globals_known else "the backup holds a global of unknown type, so it cannot be uploaded",
        "" if facts.globals_known else "Choose another backup.",
    )


def _state(facts: Facts) -> Check:
    status = facts.status.status
    passed = status != "stopping"
    return Check(
        "state",
        passed,
        f"the canister is {status}" + ("" if facts.status.module_hash is not None else " and has no code"),
        "" if passed else "Somebody is stopping it: wait until it has stopped, or start it.",
    )


def _slots(facts: Facts) -> Check:
    needed = 2 if facts.status.module_hash is not None else 1
    passed = facts.snapshots + needed <= MAX_SNAPSHOTS
    return Check(
        "snapshot slots",
        passed,
        f"{facts.snapshots} of {MAX_SNAPSHOTS} used, {needed} needed",
        "" if passed else "Delete a snapshot that is no longer needed: icp canister snapshot list, then delete.",
    )


def _balance(facts: Facts) -> Check:
    worst = min(facts.balances, key=lambda balance: balance.cycles - balance.freezing_limit)
    passed = not worst.frozen
    found = (
        f"at the tightest ({worst.step}) ≈ {format_cycles(worst.cycles)} cycles, "
        f"freezing limit then ≈ {format_cycles(worst.freezing_limit)}"
    )
    missing = format_cycles(max(worst.freezing_limit - worst.cycles, 0))
    return Check("cycles", passed, found, "" if passed else f"Top the canister up by at least {missing} cycles first.")


def _lock(facts: Facts) -> Check:
    passed = facts.lock_holder is None
    return Check(
        "other operations",
        passed,
        "none works on this canister" if facts.lock_holder is None else facts.lock_holder,
        "" if passed else "Wait for it, or abort it: quri-console operations list.",
        ExitCode.LOCKED,
    )


def hook_status_holds(metadata: SnapshotMetadata, settings: CanisterSettings) -> bool:
    """Whether the network will take the recorded low-memory hook status with the present settings.

    It refuses (IC0408) to load one that contradicts the condition "free Wasm memory is below the threshold".
    """
    recorded = metadata.on_low_wasm_memory_hook_status
    if recorded is None or settings.wasm_memory_limit is None or settings.wasm_memory_threshold is None:
        return True
    limit = settings.wasm_memory_limit or (1 << 32)
    low = limit - min(limit, metadata.wasm_memory_size) < settings.wasm_memory_threshold
    return (recorded != "condition_not_satisfied") == low
