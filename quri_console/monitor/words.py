"""The sentences about a canister's health; they also leave by webhook and report, so they carry no markup."""

from __future__ import annotations

import json
from collections.abc import Sequence

from quri_console.history.events import Event
from quri_console.units import format_bytes, format_cycles, format_duration

NEVER_SAMPLED = "not seen yet"
STOPPED = "stopped: it answers nothing until somebody starts it"
STOPPING = "stopping: it takes no new calls"
EMPTIED = "emptied: its cycles ran out, and code, state and snapshots are gone"
NO_CODE = "no code is installed"
DELETED = "deleted: the network knows no such canister"
NOT_AUTHORISED = "not authorised: this identity sees controllers and module only"
NO_BACKUP = "no backup yet: if its state is lost, it is lost"
RESERVED = "reserved cycles"
HEAP = "heap"
STABLE = "stable memory"


def stale(age_seconds: float) -> str:
    """The newest value is too old to be called current."""
    return f"stale: last seen {format_duration(age_seconds)} ago"


def unreachable(error: str) -> str:
    """The newest attempt got no answer."""
    return f"unreachable: {error}"


def untrusted(error: str) -> str:
    """An answer came, but its signature does not hold."""
    return f"answer not trusted: {error}"


def rejected(error: str) -> str:
    """The network answered with another refusal."""
    return f"refused by the network: {error}"


def frozen(cycles: int, freezing_limit: int) -> str:
    """The balance is below the freezing limit."""
    return (
        f"frozen: {format_cycles(cycles)} cycles are below the freezing limit of {format_cycles(freezing_limit)}; "
        "it serves no updates until it is topped up"
    )


def low_cycles(cycles: int, threshold: int, level: str) -> str:
    """The balance is below a configured threshold."""
    return f"{format_cycles(cycles)} cycles are below {format_cycles(threshold)} ({level})"


def short_runway(seconds: float, threshold_seconds: float, level: str) -> str:
    """The time to the freezing limit is below a configured threshold."""
    limit = format_duration(threshold_seconds)
    return f"≈ {format_duration(seconds)} to the freezing limit, less than {limit} ({level})"


def controllers_changed(change: Event, age_seconds: float) -> str:
    """Somebody changed who may change the canister."""
    before, after = (frozenset(json.loads(text)) if text else frozenset() for text in (change.before, change.after))
    parts = [*(f"added {name}" for name in sorted(after - before))]
    parts += [f"removed {name}" for name in sorted(before - after)]
    return f"controllers changed {format_duration(age_seconds)} ago: {', '.join(parts) or 'in their order'}"


def module_changed(change: Event, age_seconds: float) -> str:
    """Another module was installed."""
    before, after = (f"{text[:12]}…" if text else "no code" for text in (change.before, change.after))
    return f"module changed {format_duration(age_seconds)} ago: {before} → {after}"


def backup_overdue(age_seconds: float, allowed_seconds: float) -> str:
    """The newest backup is older than the canister's criticality allows."""
    return f"newest backup is {format_duration(age_seconds)} old, more than {format_duration(allowed_seconds)}"


def not_ready(why: str) -> str:
    """It could not be restored when somebody last looked."""
    return f"not ready for a restore: {why}"


def snapshot_slots(count: int, most: int) -> str:
    """No further snapshot can be taken."""
    return f"{count} of {most} snapshots on chain: none can be taken before one is deleted"


def near_limit(what: str, value: str, limit: str, share: float) -> str:
    """A quantity comes close to where the network refuses more."""
    return f"{what} {value} is {share:.0%} of its limit of {limit}"


def memory_growth(before_bytes: int, now_bytes: int) -> str:
    """Memory grew much within a day."""
    return f"memory grew from {format_bytes(before_bytes)} to {format_bytes(now_bytes)} within a day"


def clock_skew(seconds: float) -> str:
    """This machine's clock and the network's differ; positive when this one is ahead."""
    return f"this machine's clock is {format_duration(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def unusual_burn(explanation: str) -> str:
    """The burn is not what it usually is at this time."""
    return f"unusual: {explanation}"


def stuck_channels(channels: Sequence[str], messages: int) -> str:
    """Messages wait for channels that do not take them."""
    waiting = "1 message has" if messages == 1 else f"{messages} messages have"
    return f"{waiting} not been taken by {', '.join(channels)} for more than a quarter of an hour"


def payer_low(name: str, cycles: int, threshold: int) -> str:
    """A payer's balance is below its threshold."""
    return f"payer {name} has {format_cycles(cycles)} cycles, less than {format_cycles(threshold)}"


def payer_runway(name: str, seconds: float, threshold_seconds: float) -> str:
    """What a payer has left would not keep the fleet going for long."""
    return (
        f"payer {name} could keep the fleet going for ≈ {format_duration(seconds)}, "
        f"less than {format_duration(threshold_seconds)}"
    )
