"""What is looked at before a restore; each failed check says what to do."""

from __future__ import annotations

from quri_console.effects.lockdown import LIFT
from quri_console.errors import ExitCode
from quri_console.ic.management.types import (
    MAX_SNAPSHOTS,
)
from quri_console.restore.plan import Check
from quri_console.restore.preflight_facts import Facts
from quri_console.units import MIB, format_bytes, format_cycles, format_duration

ROOM_BYTES = 64 * MIB
"""What an operation's folder may need: its journal, progress and log."""
MOST_SKEW_SECONDS = 60.0
OTHER_NETWORK = "--from-other-network"
_CHEAPER = "Restore from a snapshot on chain, which costs far less, or allow more by --max-cycles."


def checks(facts: Facts) -> tuple[Check, ...]:
    """All checks, in the order in which an operator would look."""
    found = (
        _lockdown(facts),
        _controller(facts),
        _source_controller(facts),
        _network(facts),
        _subnet(facts),
        _clock(facts),
        _backup(facts),
        _globals(facts),
        _state(facts),
        _slots(facts),
        _balance(facts),
        _cap(facts),
        _downtime(facts),
        _memory_allocation(facts),
        _reserved(facts),
        _settings(facts),
        _disk(facts),
        _lock(facts),
    )
    return tuple(check for check in found if check is not None)


def _check(name: str, passed: bool, found: str, next_step: str, exit_code: int = ExitCode.REFUSED) -> Check:
    return Check(name, passed, found, "" if passed else next_step, exit_code)


def _lockdown(facts: Facts) -> Check | None:
    if facts.lockdown is None:
        return Check("lockdown", True, "off")
    return Check("lockdown", False, f"on: {facts.lockdown.reason}", LIFT)


def _controller(facts: Facts) -> Check:
    passed = facts.sender in facts.status.settings.controllers
    return _check(
        "controller",
        passed,
        f"{facts.sender.to_str()} {'controls' if passed else 'does not control'} the canister",
        "Use the key of a controller as [identities.operate], or let one add this principal.",
        ExitCode.NOT_AUTHORISED,
    )


def _source_controller(facts: Facts) -> Check | None:
    if facts.source_controllers is None:
        return None
    passed = facts.sender in facts.source_controllers
    return _check(
        "controller of the source",
        passed,
        f"{facts.sender.to_str()} {'controls' if passed else 'does not control'} the canister whose snapshot it is",
        "Loading another canister's snapshot needs a controller of both: let one add this principal.",
        ExitCode.NOT_AUTHORISED,
    )


def _network(facts: Facts) -> Check:
    if facts.backup_root_key_hash == facts.root_key_hash:
        return Check("network", True, f"the {_kind(facts)} was taken on this network")
    found = f"the {_kind(facts)} was taken on another network (root key {facts.backup_root_key_hash.hex()[:16]}…)"
    if facts.from_other_network:
        return Check("network", True, f"{found}, as {OTHER_NETWORK} says")
    return Check(
        "network",
        False,
        found,
        "Choose a backup of this network; names and ids alone do not make it the same canister. If it is meant: "
        f"{OTHER_NETWORK}.",
    )


def _kind(facts: Facts) -> str:
    return "snapshot" if facts.on_chain else "backup"


def _subnet(facts: Facts) -> Check | None:
    if facts.subnet is None:
        return None
    if facts.source_subnet is None or facts.source_subnet == facts.subnet:
        return Check("subnet", True, facts.subnet.to_str())
    return Check(
        "subnet",
        False,
        f"the snapshot is on subnet {facts.source_subnet.to_str()}, the canister on {facts.subnet.to_str()}",
        "A snapshot can be loaded only on its own subnet: restore from a backup of that canister instead.",
    )


def _clock(facts: Facts) -> Check:
    skew = abs(facts.ahead_seconds)
    if skew <= MOST_SKEW_SECONDS:
        return Check("clock", True, "this machine's clock agrees with the network's certified time")
    side = "ahead of" if facts.ahead_seconds > 0 else "behind"
    found = f"this machine's clock is {format_duration(skew)} {side} the network's certified time"
    return Check("clock", False, found, "Set this machine's clock (NTP): calls that seem too old are refused.")


def _backup(facts: Facts) -> Check:
    # a restore point that is not whole never gets this far
    told = "the network keeps it whole" if facts.on_chain else "every digest was read again and is right"
    return Check(_kind(facts), True, f"{facts.backup_label}: {told}")


def _globals(facts: Facts) -> Check | None:
    if facts.on_chain:
        return None
    return _check(
        "globals",
        facts.globals_known,
        "all known" if facts.globals_known else "the backup holds a global of unknown type, so it cannot be uploaded",
        "Choose another backup.",
    )


def _state(facts: Facts) -> Check:
    status = facts.status.status
    return _check(
        "state",
        status != "stopping",
        f"the canister is {status}" + ("" if facts.status.module_hash is not None else " and has no code"),
        "Somebody is stopping it: wait until it has stopped, or start it.",
    )


def _slots(facts: Facts) -> Check:
    needed = (0 if facts.on_chain else 1) + (1 if facts.safety else 0)
    return _check(
        "snapshot slots",
        facts.snapshots + needed <= MAX_SNAPSHOTS,
        f"{facts.snapshots} of {MAX_SNAPSHOTS} used, {needed} needed",
        "Delete a snapshot that is no longer needed: quri-console snapshots tells whose each one is.",
    )


def _balance(facts: Facts) -> Check:
    worst = min(facts.balances, key=lambda balance: balance.cycles - balance.freezing_limit)
    found = (
        f"at the tightest ({worst.step}) ≈ {format_cycles(worst.cycles)} cycles, "
        f"freezing limit then ≈ {format_cycles(worst.freezing_limit)}"
    )
    missing = format_cycles(max(worst.freezing_limit - worst.cycles, 0))
    return _check("cycles", not worst.frozen, found, f"Top the canister up by at least {missing} cycles first.")


def _cap(facts: Facts) -> Check | None:
    if facts.max_cycles is None:
        return None
    return _check(
        "cost cap",
        facts.cycles <= facts.max_cycles,
        f"the bill is ≈ {format_cycles(facts.cycles)} cycles, at most {format_cycles(facts.max_cycles)} are allowed",
        "Allow more by --max-cycles." if facts.on_chain else _CHEAPER,
    )


def _downtime(facts: Facts) -> Check | None:
    if facts.max_downtime_seconds is None:
        return None
    high, most = format_duration(facts.downtime_high_seconds), format_duration(facts.max_downtime_seconds)
    return _check(
        "downtime cap",
        facts.downtime_high_seconds <= facts.max_downtime_seconds,
        f"it may be down for ≈ {high}, at most {most} is allowed",
        "Allow more by --max-downtime, or try when the network answers sooner.",
    )


def _memory_allocation(facts: Facts) -> Check | None:
    allocation = facts.status.settings.memory_allocation
    if not allocation:
        return None
    needed = facts.status.memory_bytes + facts.most_added_bytes
    return _check(
        "memory allocation",
        needed <= allocation,
        f"{format_bytes(needed)} at the fullest, {format_bytes(allocation)} allocated",
        f"The allocation would be exceeded: raise it to {format_bytes(needed)} or more, or set it to 0 (as needed): "
        "icp canister settings update --memory-allocation.",
    )


def _reserved(facts: Facts) -> Check | None:
    limit, reserved = facts.status.settings.reserved_cycles_limit, facts.status.reserved_cycles
    if limit is None or reserved is None or facts.most_added_bytes <= 0:
        return None
    # a limit of 0 forbids growth only where the subnet is nearly full, which nobody outside can tell
    passed = reserved < limit or limit == 0
    return _check(
        "reserved cycles",
        passed,
        f"{format_cycles(reserved)} of at most {format_cycles(limit)} are reserved for storage",
        "The network refuses more memory at this limit: raise the reserved cycles limit first (icp canister settings "
        "update --reserved-cycles-limit).",
    )


def _settings(facts: Facts) -> Check | None:
    if not facts.settings_wanted:
        return None
    if not facts.settings_known:
        return Check(
            "settings", False, f"the {_kind(facts)} holds no settings", "Leave --with-settings out, or choose a backup."
        )
    if facts.settings is None:
        return Check("settings", True, "they are as the backup has them")
    controllers = facts.settings.controllers
    if controllers is not None and facts.sender not in controllers:
        return Check(
            "settings",
            False,
            f"the backup's controllers do not include {facts.sender.to_str()}, who would lose the canister",
            "Leave --with-settings out, and bring controllers back by `icp canister settings update`.",
        )
    return Check("settings", True, "this identity stays a controller")


def _disk(facts: Facts) -> Check | None:
    if facts.free_bytes is None:
        return None
    return _check(
        "local disk",
        facts.free_bytes >= ROOM_BYTES,
        f"{format_bytes(facts.free_bytes)} free for the journal",
        f"Free some space: the state folder needs {format_bytes(ROOM_BYTES)} ([paths] in the configuration moves it).",
    )


def _lock(facts: Facts) -> Check:
    return _check(
        "other operations",
        facts.lock_holder is None,
        "none works on this canister" if facts.lock_holder is None else facts.lock_holder,
        "Wait for it, or abort it: quri-console operations list.",
        ExitCode.LOCKED,
    )
