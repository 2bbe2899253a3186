"""Backups against the policy: what gaps there were between two copies of a canister's state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from quri_console.backup.summaries import BackupSummary
from quri_console.config.model import CanisterConfig
from quri_console.report.audited import backup_times, failed_operations
from quri_console.report.facts import Facts
from quri_console.report.model import BackupRow, FailedBackup
from quri_console.report.times import moment, nanoseconds, quantile, seconds_between


def copy_times(facts: Facts) -> dict[str, list[int]]:
    """When copies of each canister's state were taken, oldest first, by canister id.

    The repository tells of those that it has, the audit log of those that were pruned since.
    """
    found: dict[str, dict[str, int]] = backup_times(facts)
    for backup in facts.backups or ():
        if backup.network != facts.network:
            continue
        for canister in backup.canisters:
            times = found.setdefault(canister.canister_id, {})
            if canister.has_state and backup.state != "damaged":
                times[backup.name] = nanoseconds(canister.taken_at)
            else:
                times.pop(backup.name, None)
    return {identifier: sorted(times.values()) for identifier, times in found.items()}


def backup_rows(facts: Facts) -> tuple[BackupRow, ...]:
    """Every configured canister against its policy."""
    times, failures = copy_times(facts), failed_backups(facts)
    return tuple(_row(facts, canister, times.get(canister.id, ()), failures) for canister in facts.config.canisters)


def _row(
    facts: Facts, canister: CanisterConfig, all_times: Sequence[int], failures: Iterable[FailedBackup]
) -> BackupRow:
    allowed = canister.backup_age_seconds if canister.backup_age_seconds > 0 else None
    times = [at_ns for at_ns in all_times if at_ns <= facts.until_ns]
    known_ns = facts.first_seen.get(canister.id)
    gaps = sorted(_gaps(times, facts.since_ns, facts.until_ns, known_ns))
    late = 0 if allowed is None else sum(gap > allowed for gap in gaps)
    age = seconds_between(times[-1], facts.until_ns) if times else None
    return BackupRow(
        name=canister.name,
        canister_id=canister.id,
        criticality=canister.criticality,
        allowed_seconds=allowed,
        taken=sum(at_ns >= facts.since_ns for at_ns in times),
        failed=sum(canister.name in failure.name.split(", ") for failure in failures),
        late=late,
        gap_p50_seconds=quantile(gaps, 0.5),
        gap_p95_seconds=quantile(gaps, 0.95),
        gap_max_seconds=gaps[-1] if gaps else None,
        newest_at=moment(times[-1]) if times else None,
        age_seconds=age,
        verdict="none" if not times else "no policy" if allowed is None else "late" if late else "kept",
    )


def _gaps(times: Sequence[int], since_ns: int, until_ns: int, known_ns: int | None) -> Iterator[float]:
    """Gaps that end in the period, and the one that is open at its end.

    The first copy ever ends the time since the canister was first seen in the period, where that is known.
    """
    before = [known_ns] if known_ns is not None and (not times or known_ns < times[0]) else []
    ends = [*before, *times, until_ns] if times or before else []
    for earlier, later in pairwise(ends):
        if later >= since_ns:
            yield seconds_between(earlier, later)


def failed_backups(facts: Facts) -> tuple[FailedBackup, ...]:
    """Canisters that a backup of the period misses, and backups that came to nothing, oldest first."""
    found = [*failed_operations(facts)]
    for backup in in_period(facts):
        at = moment(nanoseconds(backup.taken_at))
        names = facts.config.canister_names
        found += [
            FailedBackup(at, names.get(item.canister_id, item.name), backup.name, item.reason)
            for item in backup.failures
        ]
    return tuple(sorted(found, key=lambda failure: (failure.at, failure.name)))


def in_period(facts: Facts) -> Iterator[BackupSummary]:
    """The backups of this network that were taken in the period."""
    for backup in facts.backups or ():
        if backup.network == facts.network and facts.since_ns <= nanoseconds(backup.taken_at) <= facts.until_ns:
            yield backup
