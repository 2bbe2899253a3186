"""What is looked at before a smaller remedy; each failed check says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.clock import Clock
from quri_console.effects.lockdown import LIFT, Lockdown
from quri_console.errors import ExitCode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import MAX_SNAPSHOTS, CanisterStatus
from quri_console.restore.bill import Balance
from quri_console.restore.plan import Check
from quri_console.restore.preflight import MOST_SKEW_SECONDS
from quri_console.units import format_cycles, format_duration


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan is judged by besides the canister itself."""

    clock: Clock
    lock_holder: str | None
    """Who works on the canister now, in words."""
    lockdown: Lockdown | None


def check(name: str, passed: bool, found: str, next_step: str, exit_code: int = ExitCode.REFUSED) -> Check:
    """A check that says what to do only when it has failed."""
    return Check(name, passed, found, "" if passed else next_step, exit_code)


def around(surroundings: Surroundings) -> tuple[Check, ...]:
    """Lockdown, and who else works on the canister."""
    lockdown, holder = surroundings.lockdown, surroundings.lock_holder
    return (
        check("lockdown", lockdown is None, "off" if lockdown is None else f"on: {lockdown.reason}", LIFT),
        check(
            "other operations",
            holder is None,
            holder or "none works on this canister",
            "Wait for it, or abort it: quri-console operations list.",
            ExitCode.LOCKED,
        ),
    )


def controller(sender: Principal, status: CanisterStatus) -> Check:
    """Whether the identity may change the canister."""
    passed = sender in status.settings.controllers
    return check(
        "controller",
        passed,
        f"{sender.to_str()} {'controls' if passed else 'does not control'} the canister",
        "Use the key of a controller as [identities.operate], or let one add this principal.",
        ExitCode.NOT_AUTHORISED,
    )


def not_stopping(status: CanisterStatus) -> Check:
    """Whether nobody is stopping it just now."""
    return check(
        "state",
        status.status != "stopping",
        f"the canister is {status.status}",
        "Somebody is stopping it: wait until it has stopped, or start it.",
    )


def slot(snapshots: int) -> Check:
    """Whether a safety snapshot can be taken."""
    return check(
        "snapshot slots",
        snapshots < MAX_SNAPSHOTS,
        f"{snapshots} of {MAX_SNAPSHOTS} used, 1 needed",
        "Delete a snapshot that is no longer needed: quri-console snapshots, then snapshots delete.",
    )


def cycles(balances: Sequence[Balance], name: str) -> Check:
    """Whether the canister stays above its freezing limit all the time."""
    worst = min(balances, key=lambda balance: balance.cycles - balance.freezing_limit)
    missing = max(worst.freezing_limit - worst.cycles, 0)
    return check(
        "cycles",
        not worst.frozen,
        f"at the tightest ({worst.step}) ≈ {format_cycles(worst.cycles)} cycles, "
        f"freezing limit then ≈ {format_cycles(worst.freezing_limit)}",
        f"Top the canister up by at least {format_cycles(missing)} cycles first: quri-console topup {name} AMOUNT.",
    )


def same_network(backup_root_key_hash: bytes, root_key_hash: bytes) -> Check:
    """Whether the backup is of this network."""
    passed = backup_root_key_hash == root_key_hash
    return check(
        "network",
        passed,
        "the backup was taken on this network" if passed else "the backup was taken on another network (root key)",
        "Choose a backup of this network; names and ids alone do not make it the same canister.",
    )


def clock_agrees(ahead_seconds: float) -> Check:
    """Whether the ledger would take the time of this machine."""
    skew = abs(ahead_seconds)
    side = "ahead of" if ahead_seconds > 0 else "behind"
    return check(
        "clock",
        skew <= MOST_SKEW_SECONDS,
        "this machine's clock agrees with the network's certified time"
        if skew <= MOST_SKEW_SECONDS
        else f"this machine's clock is {format_duration(skew)} {side} the network's certified time",
        "Set this machine's clock (NTP): the ledger refuses payments of another time.",
    )


def ledger_covers(payer: Principal, balance: int, needed: int) -> Check:
    """Whether the account at the cycles ledger has what is to be paid, fee included."""
    return check(
        "ledger",
        balance >= needed,
        f"{payer.to_str()} has {format_cycles(balance)} cycles on the cycles ledger, {format_cycles(needed)} needed",
        "Put cycles on the ledger for this identity (icp cycles mint), name --from-subaccount, or pay less.",
    )
