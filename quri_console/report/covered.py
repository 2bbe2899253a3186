"""Who controls the canisters, and which of them nobody could bring back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from quri_console.report.backed_up import copy_times
from quri_console.report.facts import Facts
from quri_console.report.model import AccessRow, RetentionRow, UncoveredRow
from quri_console.report.times import moment
from quri_console.units import format_duration

_COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")


def access_rows(facts: Facts) -> tuple[AccessRow, ...]:
    """Every change of controllers in the period, oldest first."""
    names = facts.config.canister_names
    rows = []
    for identifier, events in facts.events.items():
        for event in events:
            if event.kind == "controllers-changed" and event.at_ns <= facts.until_ns:
                before, after = _principals(event.before), _principals(event.after)
                added = tuple(item for item in after if item not in before)
                removed = tuple(item for item in before if item not in after)
                rows.append(AccessRow(moment(event.at_ns), names.get(identifier, identifier), added, removed))
    return tuple(sorted(rows, key=lambda row: (row.at, row.name)))


def _principals(text: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(str(item) for item in found) if isinstance(found, list) else ()


def uncovered_rows(facts: Facts) -> tuple[UncoveredRow, ...]:
    """Configured canisters without a copy of their state, and others that are known and not configured."""
    return (*_without_a_copy(facts), *_not_configured(facts))


def _without_a_copy(facts: Facts) -> Iterator[UncoveredRow]:
    times = copy_times(facts)
    backups = [backup for backup in facts.backups or () if backup.forgotten_at is None]
    left = {item.canister_id for backup in backups for item in backup.canisters if item.has_state}
    for canister in facts.config.canisters:
        if canister.id not in left:
            lost = "every backup of it was forgotten or deleted" if times.get(canister.id) else "it was never backed up"
            yield UncoveredRow(canister.name, canister.id, lost, f"quri-console backup {canister.name}")


def _not_configured(facts: Facts) -> Iterator[UncoveredRow]:
    configured = {canister.id for canister in facts.config.canisters}
    kept = {
        item.canister_id: item.name
        for backup in facts.backups or ()
        if backup.network == facts.network
        for item in backup.canisters
    }
    for identifier in sorted((facts.seen | kept.keys()) - configured):
        where = "the repository has backups of it" if identifier in kept else "the history knows it"
        name = kept.get(identifier, identifier)
        yield UncoveredRow(name, identifier, f"{where}, the configuration does not", "add [canisters.NAME], or let go")


def retention_rows(facts: Facts) -> tuple[RetentionRow, ...]:
    """What the configuration says about keeping backups, by criticality."""
    return tuple(_policy(facts, criticality) for criticality in ("high", "medium", "low"))


def _policy(facts: Facts, criticality: str) -> RetentionRow:
    from quri_console.repository.retention import DEFAULT_POLICIES

    default, rules = DEFAULT_POLICIES[criticality], getattr(facts.config.retention, criticality)
    counts = {name: getattr(rules, name) for name in _COUNTS}
    told = [
        f"{name.removeprefix('keep_')} {count}"
        for name, found in counts.items()
        if (count := getattr(default, name) if found is None else found)
    ]
    if rules.keep_within_seconds is not None:
        told.append(f"all within {format_duration(rules.keep_within_seconds)}")
    given = rules.minimum_age_seconds
    least = default.minimum_age.total_seconds() if given is None else given
    told.append(f"at least {format_duration(least)} old before it goes")
    told.append(f"grace {format_duration(facts.config.retention.grace_seconds)}")
    canisters = sum(canister.criticality == criticality for canister in facts.config.canisters)
    return RetentionRow(criticality, canisters, tuple(told))
