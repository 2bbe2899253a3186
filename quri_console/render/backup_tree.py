"""The repository as a table that opens: a row for each set, and under an open one a row for each canister."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import short_age
from quri_console.render.backup_list import STATE_ROLES, marks_of
from quri_console.render.escape import escape
from quri_console.render.grid import UNKNOWN, Cell, Column, Row
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary, CanisterSummary, RepositorySummary

COLUMNS = (
    Column("name", "Backup"),
    Column("state", "State"),
    Column("age", "Age", right=True),
    Column("canisters", "Canisters", priority=3),
    Column("size", "Size", right=True, priority=1),
    Column("new", "New", right=True, priority=4),
    Column("marks", "Marks", priority=2),
)


def backup_tree(repository: RepositorySummary, opened: Collection[str], now_ns: int) -> tuple[Row, ...]:
    """Sets newest first; keys are `SET` and `SET/CANISTER`, which is what commands take."""
    return tuple(row for backup in repository.backups for row in _rows(backup, opened, now_ns))


def _rows(backup: BackupSummary, opened: Collection[str], now_ns: int) -> Iterator[Row]:
    is_open = backup.name in opened
    yield _set(backup, "- " if is_open else "+ ", now_ns)
    if is_open:
        for canister in backup.canisters:
            yield _canister(backup, canister)
        for failure in backup.failures:
            yield Row(
                f"{backup.name}/{failure.name}",
                (
                    Cell(f"    {escape(failure.name)}", "status-warning"),
                    Cell("missing", "status-warning"),
                    *(Cell("") for _ in range(4)),
                    Cell(escape(failure.reason), "muted"),
                ),
            )


def _set(backup: BackupSummary, mark: str, now_ns: int) -> Row:
    taken_ns = int(backup.taken_at.timestamp()) * NANOSECONDS_PER_SECOND
    readable = backup.damage is None
    role = "plain" if backup.forgotten_at is None else "muted"
    names = ", ".join(escape(canister.name, limit=40) for canister in backup.canisters)
    return Row(
        backup.name,
        (
            Cell(mark + backup.name, role, float(taken_ns)),
            Cell(backup.state, STATE_ROLES[backup.state], backup.state),
            Cell(short_age(taken_ns, now_ns), role, float(taken_ns)),
            Cell(names or UNKNOWN, role),
            Cell(format_bytes(backup.state_bytes) if readable else UNKNOWN, role, float(backup.state_bytes)),
            Cell(format_bytes(backup.new_bytes) if readable else UNKNOWN, role, float(backup.new_bytes)),
            Cell(", ".join(marks_of(backup)), role),
        ),
    )


def _canister(backup: BackupSummary, canister: CanisterSummary) -> Row:
    warnings = "; ".join(escape(warning) for warning in canister.warnings)
    return Row(
        f"{backup.name}/{canister.name}",
        (
            Cell(f"    {escape(canister.name)}"),
            Cell(escape(canister.mode), "muted"),
            Cell(""),
            Cell(canister.canister_id, "muted"),
            Cell(format_bytes(canister.state_bytes), sort=float(canister.state_bytes)),
            Cell(format_bytes(canister.new_bytes), sort=float(canister.new_bytes)),
            Cell(warnings or (f"group {escape(canister.group)}" if canister.group else ""), "muted"),
        ),
    )
