"""Listed backups as rows and as JSON: age, network, canisters, sizes, the worst that is known, and marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quri_console.backup.summaries import (
    IMPORT_OPERATION,
    BackupSummary,
    CanisterSummary,
    RepositorySummary,
    SetState,
    UnfinishedSummary,
)
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import datetime_text, retold
from quri_console.units import format_bytes

if TYPE_CHECKING:
    # its own imports take longer than all that is done here
    from quri_console.render.table import Role

BACKUP_HEADINGS = ("BACKUP", "AGE", "NETWORK", "CANISTERS", "SIZE", "NEW", "STATE", "MARKS")
BACKUP_RIGHT = (1, 4, 5)
"""The columns that are aligned to the right."""
STATE_ROLES: dict[SetState, Role] = {
    "whole": "status-ok",
    "partial": "status-warning",
    "not consistent": "status-warning",
    "damaged": "status-critical",
}
# what a narrow terminal does without, in this order; of the others the long ones are cut
_GIVEN_UP = ("NEW", "NETWORK", "SIZE", "MARKS", "AGE", "CANISTERS")
_CUT = ("MARKS", "CANISTERS")
_GAP = 2
_NARROWEST_CELL = 16
_UNKNOWN = "–"
_SHOWN_NAMES = 6
IMPORTED_MODES = ("imported", "legacy")
"""How canisters come into a set that this program did not copy itself."""
_REHEARSAL_WORDS: dict[str | None, str] = {
    "partly passed": "partly rehearsed",
    "failed": "rehearsal failed",
    "not rehearsable": "not rehearsable",
}


def backup_row(backup: BackupSummary, now_ns: int) -> tuple[tuple[str, Role], ...]:
    """The cells of one backup, each a text and its role."""
    taken_ns = int(backup.taken_at.timestamp()) * NANOSECONDS_PER_SECOND
    readable = backup.damage is None
    role: Role = "plain" if backup.forgotten_at is None else "muted"
    texts = (
        backup.name,
        short_age(taken_ns, now_ns),
        escape(backup.network) or _UNKNOWN,
        _names(backup.canisters) or _UNKNOWN,
        format_bytes(backup.state_bytes) if readable else _UNKNOWN,
        format_bytes(backup.new_bytes) if readable else _UNKNOWN,
    )
    marks = ", ".join(marks_of(backup))
    return (*((text, role) for text in texts), (backup.state, STATE_ROLES[backup.state]), (marks, role))


@dataclass(frozen=True, slots=True)
class BackupTable:
    """Headings, rows and the columns aligned to the right, of what a width has room for."""

    headings: tuple[str, ...]
    rows: tuple[tuple[tuple[str, Role], ...], ...]
    right: tuple[int, ...]


def backup_table(backups: Sequence[BackupSummary], now_ns: int, width: int | None = None) -> BackupTable:
    """The list as a table of at most `width` characters: the least important columns are left out, then texts are cut.

    A long column is given up only where there is no room for it even when it is cut. None: as wide as it comes.
    """
    rows = [backup_row(backup, now_ns) for backup in backups]
    kept = list(range(len(BACKUP_HEADINGS)))
    widths = [max([len(heading), *(len(row[at][0]) for row in rows)]) for at, heading in enumerate(BACKUP_HEADINGS)]
    if width is not None:
        for heading in _GIVEN_UP:
            if _least(kept, widths) > width:
                kept.remove(BACKUP_HEADINGS.index(heading))
        _narrow(kept, widths, width)
    return BackupTable(
        tuple(BACKUP_HEADINGS[at] for at in kept),
        tuple(tuple((_cut(row[at][0], widths[at]), row[at][1]) for at in kept) for row in rows),
        tuple(place for place, at in enumerate(kept) if at in BACKUP_RIGHT),
    )


def _least(kept: Sequence[int], widths: Sequence[int]) -> int:
    """What the columns need at least, the long ones cut."""
    needed = (min(widths[at], _NARROWEST_CELL) if BACKUP_HEADINGS[at] in _CUT else widths[at] for at in kept)
    return sum(needed) + _GAP * (len(kept) - 1)


def _narrow(kept: Sequence[int], widths: list[int], width: int) -> None:
    for heading in _CUT:
        at = BACKUP_HEADINGS.index(heading)
        over = sum(widths[one] for one in kept) + _GAP * (len(kept) - 1) - width
        if at in kept and over > 0:
            widths[at] = max(widths[at] - over, min(widths[at], _NARROWEST_CELL))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def marks_of(backup: BackupSummary) -> Iterator[str]:
    """The words for what was noted beside a backup, and for one that nothing can be restored from."""
    stands = backup.standing
    words = {
        "verified": stands.verified_at is not None,
        _REHEARSAL_WORDS.get(stands.rehearsal, "rehearsed"): stands.rehearsed_at is not None,
        "pinned": stands.pinned,
        "held": stands.held,
        "forgotten": backup.forgotten_at is not None,
        **{mode: any(one.mode == mode for one in backup.canisters) for mode in IMPORTED_MODES},
        "without state": bool(backup.canisters) and not any(one.has_state for one in backup.canisters),
    }
    return (word for word, holds in words.items() if holds)


def _names(canisters: tuple[CanisterSummary, ...]) -> str:
    names = [escape(one.name, limit=40) for one in canisters[:_SHOWN_NAMES]]
    more = len(canisters) - len(names)
    return ", ".join(names) + (f" +{more}" if more else "")


def notes_on(repository: RepositorySummary, shown: Sequence[BackupSummary]) -> Iterator[Line]:
    """What is said below the rows: damage, what is unfinished, what is hidden, and the room that all of it takes."""
    for backup in shown:
        if backup.damage is not None:
            yield (Span(f"{backup.name} is damaged: {escape(retold(backup.damage))}", "status-critical"),)
        elif backup.standing.damaged_at is not None:
            found = datetime_text(backup.standing.damaged_at, seconds=False)
            text = f"{backup.name} was found damaged on {found}: `quri-console verify {backup.name}` names the places."
            yield (Span(text, "status-critical"),)
    for left in repository.unfinished:
        yield (Span(_unfinished(left), "muted"),)
    hidden = len(repository.backups) - len(shown)
    if hidden:
        what, them = ("forgotten backup is", "it") if hidden == 1 else ("forgotten backups are", "them")
        yield (Span(f"{hidden} {what} hidden: `quri-console list --all` shows {them}.", "muted"),)
    if repository.backups:
        yield (Span(_room(repository), "muted"),)


def _unfinished(left: UnfinishedSummary) -> str:
    if not left.operation:
        return f"Not a backup: {left.name} was not finished; which operation began it cannot be read."
    if left.operation == IMPORT_OPERATION:
        return f"Not a backup: {left.name} was not finished. An import is making it, or the next import removes it."
    operation = escape(left.operation)
    return (
        f"Not a backup: {left.name} was not finished. Operation {operation} is making it, or was interrupted: "
        f"`quri-console operations show {operation}`."
    )


def _room(repository: RepositorySummary) -> str:
    logical = sum(backup.state_bytes for backup in repository.backups)
    encrypted = " It is encrypted." if repository.encrypted else ""
    return (
        f"Packs are compressed and deduplicated: {format_bytes(logical)} in "
        f"{format_bytes(repository.stored_bytes)} stored.{encrypted}"
    )


def repository_json(repository: RepositorySummary, shown: Sequence[BackupSummary]) -> dict[str, Any]:
    """The list as JSON values; see `backup_json`."""
    return {
        "repository": repository.location,
        "encrypted": repository.encrypted,
        "stored_bytes": repository.stored_bytes,
        "backups": [backup_json(backup) for backup in shown],
        "hidden_forgotten": len(repository.backups) - len(shown),
        "unfinished": [{"name": left.name, "operation": left.operation} for left in repository.unfinished],
    }


def backup_json(backup: BackupSummary) -> dict[str, Any]:
    """A backup as JSON values: times in ISO 8601, digests in hex, sizes in bytes."""
    stands = backup.standing
    return {
        "name": backup.name,
        "taken_at": backup.taken_at.isoformat(),
        "network": backup.network,
        "root_key_sha256": backup.root_key_hash.hex(),
        "operation": backup.operation,
        "state": backup.state,
        "damage": backup.damage,
        "state_bytes": backup.state_bytes,
        "new_bytes": backup.new_bytes,
        "record_bytes": backup.record_bytes,
        "canisters": [_canister_json(canister) for canister in backup.canisters],
        "failures": [
            {"name": one.name, "id": one.canister_id, "reason": one.reason, "next": one.next_step}
            for one in backup.failures
        ],
        "groups": [{"name": one.name, "consistent": one.consistent, "reason": one.reason} for one in backup.groups],
        "verified_at": _time(stands.verified_at),
        "damaged_at": _time(stands.damaged_at),
        "rehearsed_at": _time(stands.rehearsed_at),
        "rehearsal": stands.rehearsal,
        "pinned": stands.pinned,
        "pin_reason": stands.pin_reason,
        "pinned_until": _time(stands.pinned_until),
        "held": stands.held,
        "hold_reason": stands.hold_reason,
        "forgotten_at": _time(backup.forgotten_at),
    }


def _canister_json(canister: CanisterSummary) -> dict[str, Any]:
    return {
        "name": canister.name,
        "id": canister.canister_id,
        "taken_at": canister.taken_at.isoformat(),
        "mode": canister.mode,
        "state_bytes": canister.state_bytes,
        "new_bytes": canister.new_bytes,
        "module_sha256": canister.module_hash.hex(),
        "group": canister.group,
        "warnings": list(canister.warnings),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
