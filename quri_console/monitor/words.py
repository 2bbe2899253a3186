"""The sentences about a canister's health; they also leave by webhook and report, so they carry no markup."""

from __future__ import annotations

from quri_console.units import format_cycles, format_duration

NEVER_SAMPLED = "not seen yet"
STOPPED = "stopped: it answers nothing until somebody starts it"
STOPPING = "stopping: it takes no new calls"
EMPTIED = "emptied: its cycles ran out, and code, state and snapshots are gone"
NO_CODE = "no code is installed"
DELETED = "deleted: the network knows no such canister"
NOT_AUTHORISED = "not authorised: this identity sees controllers and module only"


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
