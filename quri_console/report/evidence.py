"""What marks beside the backups prove: that they were read again, and that they were loaded and answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quri_console.report.audited import REMOVALS, by_whom, within
from quri_console.report.facts import Facts
from quri_console.report.model import DeletionRow, RehearsalRow, VerificationRow
from quri_console.report.times import audit_time, nanoseconds
from quri_console.repository.marks import Mark

_KEEPING = {"pin": "pinned", "unpin": "unpinned", "hold": "held", "release": "released", "quarantine": "quarantined"}


def verification_rows(facts: Facts) -> tuple[VerificationRow, ...]:
    """Every verification of the period, oldest first."""
    return tuple(
        VerificationRow(
            at=mark.at,
            backup=mark.set_name,
            whole=mark.fields.get("ok") is True,
            scope=_text(mark, "scope"),
            damaged=_texts(mark.fields.get("folders")),
            tool=_text(mark, "tool"),
        )
        for mark in _marks(facts, "verification")
    )


def rehearsal_rows(facts: Facts) -> tuple[RehearsalRow, ...]:
    """Every canister of every rehearsal of the period, oldest first."""
    return tuple(row for mark in _marks(facts, "rehearsal") for row in _rehearsed(mark))


def _rehearsed(mark: Mark) -> Iterator[RehearsalRow]:
    tables, seconds = mark.fields.get("canisters"), mark.fields.get("seconds")
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict):
            name, verdict, reason = (str(table.get(key, "")) for key in ("name", "verdict", "reason"))
            measured = float(seconds) if isinstance(seconds, int | float) else None
            yield RehearsalRow(mark.at, mark.set_name, name, verdict, reason, measured, _text(mark, "tool"))


def deletion_rows(facts: Facts) -> tuple[DeletionRow, ...]:
    """Backups forgotten, deleted, pinned and held in the period, with who and why, oldest first.

    The mark of a forgotten backup goes with it when it is pruned; the audit log stays.
    """
    rows = [
        DeletionRow(mark.at, _KEEPING[mark.kind], mark.set_name, _text(mark, "by"), _text(mark, "reason"))
        for kind in _KEEPING
        for mark in _marks(facts, kind)
    ]
    rows += _audited(facts)
    told = {row.backup for row in rows if row.what == "forgotten"}
    rows += [
        DeletionRow(item.at, "forgotten", item.set_name, item.by, item.reason)
        for item in facts.forgotten
        if item.set_name not in told and facts.since_ns <= nanoseconds(item.at) <= facts.until_ns
    ]
    return tuple(sorted(rows, key=lambda row: (row.at, row.backup, row.what)))


def _audited(facts: Facts) -> Iterator[DeletionRow]:
    for event in within(facts):
        what, at = REMOVALS.get(str(event.get("action", ""))), audit_time(event.get("ts"))
        if what is not None and at is not None:
            for backup in str(event.get("target", "")).split(", "):
                yield DeletionRow(at, what, backup, by_whom(event), str(event.get("reason", "")))


def _marks(facts: Facts, kind: str) -> Iterator[Mark]:
    for mark in facts.marks:
        if mark.kind == kind and facts.since_ns <= nanoseconds(mark.at) <= facts.until_ns:
            yield mark


def _text(mark: Mark, field: str) -> str:
    value = mark.fields.get(field)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
