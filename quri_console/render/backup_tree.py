"""The repository as a table that opens: sets, under an open one its canisters, under an open canister its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import short_age
from quri_console.render.backup_list import IMPORTED_MODES, STATE_ROLES, marks_of
from quri_console.render.escape import escape
from quri_console.render.grid import UNKNOWN, Cell, Column, Row
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary, CanisterSummary, RepositorySummary
    from quri_console.render.backup_parts import CopyPart
    from quri_console.render.backup_policy import NewestAge

COLUMNS = (
    Column("name", "Backup"),
    Column("state", "State"),
    Column("age", "Age", right=True),
    Column("canisters", "Canisters", priority=3),
    Column("size", "Size", right=True, priority=2),
    Column("new", "New", right=True, priority=4),
    Column("marks", "Marks", priority=1),
)


@dataclass(frozen=True, slots=True)
class TreeState:
    """What is open, and what was read for it: keys of sets and canisters, parts by canister, newest copies by id."""

    opened: Collection[str] = ()
    parts: Mapping[str, Sequence[CopyPart]] = field(default_factory=dict)
    ages: Mapping[str, NewestAge] = field(default_factory=dict)


def set_of(key: str) -> str:
    """The set that a row belongs to."""
    return key.partition("/")[0]


def copy_of(key: str) -> str:
    """The row as commands name it: `SET` or `SET/CANISTER`, for a part that of its canister."""
    return "/".join(key.split("/")[:2])


def backup_tree(repository: RepositorySummary, now_ns: int, state: TreeState | None = None) -> tuple[Row, ...]:
    """Sets newest first; keys are `SET`, `SET/CANISTER`, which commands take, and `SET/CANISTER/PART`."""
    shown = state or TreeState()
    return tuple(row for backup in repository.backups for row in _rows(backup, shown, now_ns))


def _rows(backup: BackupSummary, shown: TreeState, now_ns: int) -> Iterator[Row]:
    is_open = backup.name in shown.opened
    overdue = any(age.overdue and age.backup == backup.name for age in shown.ages.values())
    yield _set(backup, "- " if is_open else "+ ", now_ns, overdue=overdue)
    if is_open:
        for canister in backup.canisters:
            yield _canister(backup, canister, shown)
            if f"{backup.name}/{canister.name}" in shown.opened:
                yield from _parts(f"{backup.name}/{canister.name}", shown)
        for failure in backup.failures:
            yield Row(
                f"{backup.name}/{failure.name}",
                (
                    Cell(f"    {escape(failure.name)}", "status-warning"),
                    Cell("missing", "status-warning"),
                    Cell(""),
                    Cell(escape(failure.reason), "muted"),
                    *(Cell("") for _ in range(3)),
                ),
            )


def _parts(copy: str, shown: TreeState) -> Iterator[Row]:
    for part in shown.parts.get(copy, ()):
        yield Row(
            f"{copy}/{part.name}",
            (
                Cell(f"        {part.name}", part.role),
                *(Cell("") for _ in range(2)),
                Cell(part.detail, part.role),
                Cell(part.amount, "muted"),
                *(Cell("") for _ in range(2)),
            ),
        )


def _set(backup: BackupSummary, mark: str, now_ns: int, *, overdue: bool) -> Row:
    taken_ns = int(backup.taken_at.timestamp()) * NANOSECONDS_PER_SECOND
    readable = backup.damage is None
    role = "plain" if backup.forgotten_at is None else "muted"
    names = ", ".join(escape(canister.name, limit=40) for canister in backup.canisters)
    return Row(
        backup.name,
        (
            Cell(mark + backup.name, role, float(taken_ns)),
            Cell(backup.state, STATE_ROLES[backup.state], backup.state),
            Cell(short_age(taken_ns, now_ns), "status-warning" if overdue else role, float(taken_ns)),
            Cell(names or UNKNOWN, role),
            Cell(format_bytes(backup.state_bytes) if readable else UNKNOWN, role, float(backup.state_bytes)),
            Cell(format_bytes(backup.new_bytes) if readable else UNKNOWN, role, float(backup.new_bytes)),
            Cell(", ".join(marks_of(backup)), role),
        ),
    )


def _canister(backup: BackupSummary, canister: CanisterSummary, shown: TreeState) -> Row:
    key = f"{backup.name}/{canister.name}"
    group = f"group {escape(canister.group)}" if canister.group else ""
    notes = [part for part in (canister.canister_id, group, *map(escape, canister.warnings)) if part]
    age = shown.ages.get(canister.canister_id)
    newest = age if age is not None and age.backup == backup.name else None
    return Row(
        key,
        (
            Cell(f"  {'-' if key in shown.opened else '+'} {escape(canister.name)}"),
            Cell(escape(canister.mode), "status-warning" if canister.mode in IMPORTED_MODES else "muted"),
            Cell(newest.words, "status-warning" if newest.overdue else "muted") if newest is not None else Cell(""),
            Cell("; ".join(notes), "status-warning" if canister.warnings else "muted"),
            Cell(format_bytes(canister.state_bytes), sort=float(canister.state_bytes)),
            Cell(format_bytes(canister.new_bytes), sort=float(canister.new_bytes)),
            Cell(""),
        ),
    )
