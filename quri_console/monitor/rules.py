"""The rules that a canister, a payer or the watch itself is judged by."""

from __future__ import annotations

from typing import Literal

HealthLevel = Literal["ok", "warning", "critical", "unknown"]

RANK: dict[HealthLevel, int] = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}
"""The worse the higher."""

Rule = Literal[
    "never-seen",
    "stale",
    "unreachable",
    "untrusted",
    "rejected",
    "not-authorised",
    "deleted",
    "emptied",
    "no-code",
    "stopped",
    "stopping",
    "frozen",
    "cycles-low",
    "runway-short",
    "reserved-near-limit",
    "heap-near-limit",
    "stable-near-limit",
    "memory-growth",
    "controllers-changed",
    "module-changed",
    "backup-overdue",
    "not-ready",
    "snapshot-slots",
    "clock-skew",
    "burn-anomaly",
    "payer-low",
    "channel-dead",
    "schedule-late",
]

NO_DATA: frozenset[Rule] = frozenset({"never-seen", "stale", "unreachable", "untrusted", "rejected", "not-authorised"})
"""While one of these applies nothing is known of the other rules: an alert of theirs is not resolved by silence."""

MOMENTARY: frozenset[Rule] = frozenset({"controllers-changed", "module-changed"})
"""Something that happened: an alert that needs no waiting and resolves by itself after a while."""
