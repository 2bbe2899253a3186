"""What a report takes from the audit log: operations, backups that failed, deletions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quri_console.effects.audit import ENDED, LOCKDOWN_OFF, LOCKDOWN_ON, REFUSED
from quri_console.report.facts import Facts
from quri_console.report.model import FailedBackup, OperationRow
from quri_console.report.times import audit_time, nanoseconds

_TOLD = (ENDED, REFUSED, LOCKDOWN_ON, LOCKDOWN_OFF)
REMOVALS = {"forgotten": "forgotten", "brought back": "brought back", "pruned": "deleted"}
"""Actions of the audit log about backups in the repository, and what a report calls them."""


def operation_rows(facts: Facts) -> tuple[OperationRow, ...]:
    """Every operation that ended, every refusal and every lockdown of the period, oldest first."""
    return tuple(row for event in within(facts) if event.get("action") in _TOLD and (row := _row(event)) is not None)


def within(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """The events of the period, on this network or on none."""
    for event in facts.audit_events:
        at = audit_time(event.get("ts"))
        network = named(event, "network", "name")
        if at is not None and facts.since_ns <= nanoseconds(at) <= facts.until_ns and network in ("", facts.network):
            yield event


def _row(event: Mapping[str, Any]) -> OperationRow | None:
    at = audit_time(event.get("ts"))
    if at is None:
        return None
    action, kind = str(event.get("action", "")), str(event.get("kind", ""))
    milliseconds = event.get("duration_ms")
    return OperationRow(
        at=at,
        operation=str(event.get("operation", "")),
        kind=kind if action == ENDED else f"{kind} {action}".strip(),
        target=str(event.get("target", "")),
        by=by_whom(event),
        reason=str(event.get("reason", "")),
        result=str(event.get("result", "")),
        seconds=milliseconds / 1000 if isinstance(milliseconds, int) else None,
    )


def by_whom(event: Mapping[str, Any]) -> str:
    """`eva@console`, as the event says it."""
    user, host = named(event, "actor", "user"), named(event, "actor", "host")
    return f"{user}@{host}" if host else user


def named(event: Mapping[str, Any], table: str, field: str) -> str:
    """A text in a table of an event; empty where there is none."""
    found = event.get(table)
    value = found.get(field) if isinstance(found, Mapping) else None
    return "" if value is None else str(value)


def backup_times(facts: Facts) -> dict[str, dict[str, int]]:
    """When audited backups began, by canister id and backup; also of those that were pruned since."""
    from quri_console.repository.sets import is_set_name, set_time

    found: dict[str, dict[str, int]] = {}
    for event in facts.audit_events:
        if event.get("action") != ENDED or event.get("kind") != "backup":
            continue
        if named(event, "network", "name") != facts.network:
            continue
        name = named(event, "parameters", "backup")
        if not is_set_name(name):
            continue
        for canister in _canisters(event):
            if canister.get("mode") != "metadata":
                found.setdefault(str(canister.get("id", "")), {})[name] = nanoseconds(set_time(name))
    return found


def _canisters(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    parameters = event.get("parameters")
    listed = parameters.get("canisters") if isinstance(parameters, Mapping) else None
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []


def failed_operations(facts: Facts) -> Iterator[FailedBackup]:
    """Backups that ended without a set of their own."""
    for event in within(facts):
        if event.get("action") != ENDED or event.get("kind") != "backup" or named(event, "parameters", "backup"):
            continue
        at = audit_time(event.get("ts"))
        if at is not None:
            yield FailedBackup(at, str(event.get("target", "")), "", str(event.get("result", "")))
