"""Judges one canister: every rule is asked, the worst level wins, every reason is listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config import Thresholds
from quri_console.history import Sample
from quri_console.history.events import Event
from quri_console.monitor import words
from quri_console.monitor.fleet import Finding, Health
from quri_console.monitor.rules import RANK, HealthLevel, Rule
from quri_console.units import GIB, HOUR_SECONDS, MIB, format_bytes, format_cycles, format_duration

MOMENT_SECONDS = HOUR_SECONDS
"""How long something that happened is a finding."""
CLOCK_SKEW_SECONDS = 60.0
"""So much may clocks differ: requests are refused from 4 minutes on."""
MOST_SNAPSHOTS = 10
LARGEST_STABLE_BYTES = 500 * GIB
LARGEST_HEAP_BYTES = 4 * GIB
"""Of a module with 32-bit memory, where the canister sets no limit of its own."""
NEAR_SHARE, FULL_SHARE = 0.8, 0.95
GROWTH_SHARE, GROWTH_BYTES = 0.2, 64 * MIB
"""A day's growth is worth a warning when it is more than both."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at.

    `reading` is the newest sample with a balance, `attempt` the newest of all, which may be the same; `age_seconds`
    is the age of the reading, `stale` whether that is too old to be current. `events` are recent ones.
    `memory_day_ago` in bytes. `backup_expected`: whether there is a repository, so that a missing backup means
    something. `anomaly` explains an unusual burn, empty when there is none.
    """

    reading: Sample | None
    attempt: Sample | None
    runway_seconds: float | None
    age_seconds: float
    stale: bool
    now_ns: int = 0
    events: Sequence[Event] = ()
    memory_day_ago: int | None = None
    backup_expected: bool = False
    last_backup_at_ns: int | None = None
    backup_age_seconds: float = 0.0
    anomaly: str = ""
    snapshots: int | None = None
    """How many are on chain, None where nobody asked."""
    not_ready: str = ""
    """Why it could not be restored when somebody last looked; empty when it could."""


def judge(evidence: Evidence, thresholds: Thresholds) -> Health:
    """The health of one canister; findings worst first."""
    return health_of(_findings(evidence, thresholds))


def health_of(findings: Iterable[Finding]) -> Health:
    """The health that findings amount to; they are put worst first."""
    ordered = sorted(findings, key=lambda finding: -RANK[finding.level])
    return Health(ordered[0].level, tuple(ordered)) if ordered else Health("ok")


def worst(levels: Iterator[HealthLevel]) -> HealthLevel:
    """The worst of some levels, `ok` for none."""
    return max(levels, key=RANK.__getitem__, default="ok")


def _findings(evidence: Evidence, thresholds: Thresholds) -> Iterator[Finding]:
    if evidence.attempt is None:
        yield Finding("never-seen", "unknown", words.NEVER_SAMPLED)
        return
    yield from _attempt(evidence.attempt)
    yield from _events(evidence)
    yield from _backup(evidence)
    if evidence.not_ready:
        yield Finding("not-ready", "warning", words.not_ready(evidence.not_ready))
    reading = evidence.reading
    if reading is None:
        return
    # what is stale is said to be so, and its last known state still counts
    if evidence.stale:
        yield Finding("stale", "unknown", words.stale(evidence.age_seconds))
    yield from _state(reading)
    yield from _balance(reading, thresholds)
    yield from _runway(evidence.runway_seconds, thresholds)
    yield from _limits(reading)
    if evidence.snapshots is not None and evidence.snapshots >= MOST_SNAPSHOTS:
        yield Finding("snapshot-slots", "warning", words.snapshot_slots(evidence.snapshots, MOST_SNAPSHOTS))
    yield from _growth(reading, evidence.memory_day_ago)
    if evidence.anomaly:
        yield Finding("burn-anomaly", "warning", words.unusual_burn(evidence.anomaly))


def _attempt(attempt: Sample) -> Iterator[Finding]:
    error = attempt.error or "no reason was given"
    match attempt.error_kind:
        case "not found":
            yield Finding("deleted", "critical", words.DELETED)
        case "untrusted":
            yield Finding("untrusted", "critical", words.untrusted(error))
        case "not authorised":
            yield Finding("not-authorised", "unknown", words.NOT_AUTHORISED)
        case "unreachable":
            yield Finding("unreachable", "unknown", words.unreachable(error))
        case "rejected":
            yield Finding("rejected", "unknown", words.rejected(error))
    skew = attempt.clock_skew_seconds
    if skew is not None and abs(skew) > CLOCK_SKEW_SECONDS:
        value, limit = format_duration(abs(skew)), format_duration(CLOCK_SKEW_SECONDS)
        yield Finding("clock-skew", "warning", words.clock_skew(skew), value, limit, abs(skew), CLOCK_SKEW_SECONDS)


def _events(evidence: Evidence) -> Iterator[Finding]:
    since_ns = evidence.now_ns - MOMENT_SECONDS * NANOSECONDS_PER_SECOND
    for event in evidence.events:
        if not since_ns <= event.at_ns <= evidence.now_ns:
            continue
        age = (evidence.now_ns - event.at_ns) / NANOSECONDS_PER_SECOND
        match event.kind:
            case "controllers-changed":
                # the value tells a second change within the hour from the first
                at = f"{utc_datetime(event.at_ns):%H:%M:%S} UTC"
                yield Finding("controllers-changed", "critical", words.controllers_changed(event, age), at)
            case "module-changed":
                after = (event.after or "no code")[:12]
                yield Finding("module-changed", "warning", words.module_changed(event, age), after)


def _backup(evidence: Evidence) -> Iterator[Finding]:
    allowed = evidence.backup_age_seconds
    if not evidence.backup_expected or allowed <= 0:
        return
    if evidence.last_backup_at_ns is None:
        yield Finding("backup-overdue", "warning", words.NO_BACKUP)
        return
    age = (evidence.now_ns - evidence.last_backup_at_ns) / NANOSECONDS_PER_SECOND
    if age > allowed:
        text = words.backup_overdue(age, allowed)
        yield Finding("backup-overdue", "warning", text, format_duration(age), format_duration(allowed), age, allowed)


def _state(reading: Sample) -> Iterator[Finding]:
    if reading.module_hash is None:
        emptied = reading.cycles == 0
        yield Finding("emptied", "critical", words.EMPTIED) if emptied else Finding("no-code", "warning", words.NO_CODE)
    if reading.status == "stopped":
        yield Finding("stopped", "critical", words.STOPPED)
    if reading.status == "stopping":
        yield Finding("stopping", "warning", words.STOPPING)


def _balance(reading: Sample, thresholds: Thresholds) -> Iterator[Finding]:
    cycles, limit = reading.cycles, reading.freezing_limit
    if cycles is None:
        return
    if limit is not None and cycles < limit:
        yield _of_cycles("frozen", "critical", words.frozen(cycles, limit), cycles, limit)
    levels: tuple[tuple[HealthLevel, int], ...] = (
        ("critical", thresholds.critical_cycles),
        ("warning", thresholds.warning_cycles),
    )
    for level, threshold in levels:
        if cycles < threshold:
            yield _of_cycles("cycles-low", level, words.low_cycles(cycles, threshold, level), cycles, threshold)
            return


def _of_cycles(rule: Rule, level: HealthLevel, text: str, cycles: int, limit: int) -> Finding:
    return Finding(rule, level, text, format_cycles(cycles), format_cycles(limit), float(cycles), float(limit))


def _runway(seconds: float | None, thresholds: Thresholds) -> Iterator[Finding]:
    short = short_runway(seconds, thresholds)
    if short is not None:
        level, threshold = short
        assert seconds is not None
        text = words.short_runway(seconds, threshold, level)
        value, limit = format_duration(seconds), format_duration(threshold)
        yield Finding("runway-short", level, text, value, limit, seconds, threshold)


def short_runway(seconds: float | None, thresholds: Thresholds) -> tuple[HealthLevel, float] | None:
    """The worst level whose threshold a runway is below, and that threshold in seconds; None when it is long enough."""
    if seconds is None:
        return None
    if seconds < thresholds.critical_runway_seconds:
        return "critical", thresholds.critical_runway_seconds
    return ("warning", thresholds.warning_runway_seconds) if seconds < thresholds.warning_runway_seconds else None


def _limits(reading: Sample) -> Iterator[Finding]:
    settings = json.loads(reading.settings) if reading.settings is not None else {}
    reserved, reserved_limit = reading.reserved_cycles, settings.get("reserved_cycles_limit")
    # a limit of 0 turns reservation off: then nothing is near it
    if reserved and reserved_limit:
        yield from _near("reserved-near-limit", words.RESERVED, reserved, reserved_limit, format_cycles)
    if reading.heap_bytes is not None:
        limit = settings.get("wasm_memory_limit") or LARGEST_HEAP_BYTES
        yield from _near("heap-near-limit", words.HEAP, reading.heap_bytes, limit, format_bytes)
    if reading.stable_bytes is not None:
        yield from _near("stable-near-limit", words.STABLE, reading.stable_bytes, LARGEST_STABLE_BYTES, format_bytes)


def _near(rule: Rule, what: str, value: int, limit: int, in_words: Callable[[int], str]) -> Iterator[Finding]:
    share = value / limit
    if share < NEAR_SHARE:
        return
    level: HealthLevel = "critical" if share >= FULL_SHARE else "warning"
    text = words.near_limit(what, in_words(value), in_words(limit), share)
    yield Finding(rule, level, text, in_words(value), in_words(limit), float(value), NEAR_SHARE * limit)


def _growth(reading: Sample, before: int | None) -> Iterator[Finding]:
    now = reading.memory_bytes
    if now is None or before is None:
        return
    grown = now - before
    if grown > GROWTH_BYTES and grown > GROWTH_SHARE * before:
        yield Finding("memory-growth", "warning", words.memory_growth(before, now), format_bytes(grown))
