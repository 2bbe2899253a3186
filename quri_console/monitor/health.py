"""Judges one canister: every rule is asked, the worst level wins, every reason is listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quri_console.config import Thresholds
from quri_console.history import Sample
from quri_console.monitor import words
from quri_console.monitor.fleet import Health, HealthLevel

_RANK: dict[HealthLevel, int] = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}

Finding = tuple[HealthLevel, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at.

    `reading` is the newest sample with a balance, `attempt` the newest of all, which may be the
    same; `age_seconds` is the age of the reading, `stale` whether that is too old to be current.
    """

    reading: Sample | None
    attempt: Sample | None
    runway_seconds: float | None
    age_seconds: float
    stale: bool


def judge(evidence: Evidence, thresholds: Thresholds) -> Health:
    """The health of one canister; reasons worst first."""
    findings = sorted(_findings(evidence, thresholds), key=lambda finding: -_RANK[finding[0]])
    if not findings:
        return Health("ok")
    return Health(findings[0][0], tuple(reason for _, reason in findings))


def worst(levels: Iterator[HealthLevel]) -> HealthLevel:
    """The worst of some levels, `ok` for none."""
    return max(levels, key=_RANK.__getitem__, default="ok")


def _findings(evidence: Evidence, thresholds: Thresholds) -> Iterator[Finding]:
    if evidence.attempt is None:
        yield "unknown", words.NEVER_SAMPLED
        return
    yield from _attempt(evidence.attempt)
    reading = evidence.reading
    if reading is None:
        return
    # what is stale is said to be so, and its last known state still counts
    if evidence.stale:
        yield "unknown", words.stale(evidence.age_seconds)
    yield from _state(reading)
    yield from _balance(reading, thresholds)
    yield from _runway(evidence.runway_seconds, thresholds)


def _attempt(attempt: Sample) -> Iterator[Finding]:
    error = attempt.error or "no reason was given"
    match attempt.error_kind:
        case "not found":
            yield "critical", words.DELETED
        case "untrusted":
            yield "critical", words.untrusted(error)
        case "not authorised":
            yield "unknown", words.NOT_AUTHORISED
        case "unreachable":
            yield "unknown", words.unreachable(error)
        case "rejected":
            yield "unknown", words.rejected(error)


def _state(reading: Sample) -> Iterator[Finding]:
    if reading.module_hash is None:
        yield ("critical", words.EMPTIED) if reading.cycles == 0 else ("warning", words.NO_CODE)
    if reading.status == "stopped":
        yield "critical", words.STOPPED
    if reading.status == "stopping":
        yield "warning", words.STOPPING


def _balance(reading: Sample, thresholds: Thresholds) -> Iterator[Finding]:
    cycles, limit = reading.cycles, reading.freezing_limit
    if cycles is None:
        return
    if limit is not None and cycles < limit:
        yield "critical", words.frozen(cycles, limit)
    if cycles < thresholds.critical_cycles:
        yield "critical", words.low_cycles(cycles, thresholds.critical_cycles, "critical")
    elif cycles < thresholds.warning_cycles:
        yield "warning", words.low_cycles(cycles, thresholds.warning_cycles, "warning")


def _runway(seconds: float | None, thresholds: Thresholds) -> Iterator[Finding]:
    if seconds is None:
        return
    if seconds < thresholds.critical_runway_seconds:
        yield "critical", words.short_runway(seconds, thresholds.critical_runway_seconds, "critical")
    elif seconds < thresholds.warning_runway_seconds:
        yield "warning", words.short_runway(seconds, thresholds.warning_runway_seconds, "warning")
