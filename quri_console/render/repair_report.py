"""What a repair did, or would do, as lines for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quri_console.render.check_report import counted
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.repository.locks import LockInfo
from quri_console.repository.repair_report import IndexRepair, MarksRepair, PackRepair, PacksRepair
from quri_console.units import format_bytes

_HEAL = (
    "A new backup stores what is lost again, as far as the canister still holds it, and so heals older ones; "
    "`quri-console check --read-data` tells then."
)


def index_repair_lines(repair: IndexRepair) -> tuple[Line, ...]:
    """The index made anew."""
    verb = "would name" if repair.dry_run else "names"
    content = f"{counted(repair.packs, 'pack')} with {counted(repair.chunks, 'chunk')}"
    fragments = f"{counted(repair.fragments_after, 'fragment')} ({repair.fragments_before} before)"
    changes = f"{counted(repair.added_packs, 'pack')} added, {repair.dropped_packs} dropped that are gone"
    lines: list[Line] = [(Span(f"The index {verb} {content} in {fragments}: {changes}."),)]
    for name, why in repair.unreadable:
        lines.append((Span(f"  {escape(name)} cannot be read: {escape(why)}", "status-critical"),))
    if repair.unreadable:
        lines.append((Span("  Next: `quri-console repair packs` saves what can be read of them."),))
    return tuple(lines)


def index_repair_json(repair: IndexRepair) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "dry_run": repair.dry_run,
        "packs": repair.packs,
        "chunks": repair.chunks,
        "fragments_before": repair.fragments_before,
        "fragments_after": repair.fragments_after,
        "added_packs": repair.added_packs,
        "dropped_packs": repair.dropped_packs,
        "unreadable": [{"name": name, "why": why} for name, why in repair.unreadable],
    }


def packs_repair_lines(repair: PacksRepair) -> tuple[Line, ...]:
    """What became of damaged packs."""
    if not repair.repaired:
        return ((Span(f"{counted(repair.read_packs, 'pack')} read; none is damaged.", "status-ok"),),)
    lines = [line for pack in repair.repaired for line in _pack_lines(pack)]
    if repair.lost_chunks:
        lines.append((Span(f"Lost: {counted(repair.lost_chunks, 'chunk')}.", "status-critical"),))
        lines.append((Span(f"  Next: {_HEAL}"),))
    else:
        lines.append((Span("Nothing is lost: every chunk could be read, or lies elsewhere, too.", "status-ok"),))
    if repair.dry_run:
        lines.append((Span("Dry run: nothing was changed.", "muted"),))
    return tuple(lines)


def _pack_lines(pack: PackRepair) -> list[Line]:
    lines: list[Line] = [(Span(f"{escape(pack.name)}: {escape(pack.why)}"),)]
    saved = f"{counted(pack.saved_chunks, 'chunk')} ({format_bytes(pack.saved_bytes)}) saved, {len(pack.lost)} lost"
    lines.append((Span(f"  {saved}" + (f"; now {escape(pack.quarantine)}" if pack.quarantine else ""), "muted"),))
    if pack.affected:
        names = ", ".join(escape(item.words) for item in pack.affected)
        lines.append((Span(f"  Do not restore from: {names}", "status-critical"),))
    return lines


def packs_repair_json(repair: PacksRepair) -> dict[str, Any]:
    """The same as JSON values; names of chunks in hex."""
    return {
        "dry_run": repair.dry_run,
        "read_packs": repair.read_packs,
        "lost_chunks": repair.lost_chunks,
        "packs": [
            {
                "name": pack.name,
                "why": pack.why,
                "quarantine": pack.quarantine,
                "saved_chunks": pack.saved_chunks,
                "saved_bytes": pack.saved_bytes,
                "lost": [identifier.hex() for identifier in pack.lost],
                "affected": [{"backup": item.set_name, "folder": item.folder} for item in pack.affected],
            }
            for pack in repair.repaired
        ],
    }


def marks_repair_lines(repair: MarksRepair) -> tuple[Line, ...]:
    """Damaged marks that were put away."""
    if not repair.put_away:
        return ((Span("No mark is damaged.", "status-ok"),),)
    verb = "Would put away" if repair.dry_run else "Put away"
    lines: list[Line] = [(Span(f"{verb} {escape(name)}"),) for name in repair.put_away]
    for name in repair.held_sets:
        lines.append((Span(f"{name} is on hold, because the mark may have been a pin.", "status-warning"),))
        lines.append(
            (Span("  Next: pin it again if it was pinned, then release the hold: `quri-console pin --help`."),)
        )
    return tuple(lines)


def marks_repair_json(repair: MarksRepair) -> dict[str, Any]:
    """The same as JSON values."""
    return {"dry_run": repair.dry_run, "put_away": list(repair.put_away), "held": list(repair.held_sets)}


def locks_repair_lines(removed: Sequence[LockInfo], left: Sequence[LockInfo], *, dry_run: bool) -> tuple[Line, ...]:
    """Locks that were removed, and those that are in use."""
    verb = "Would remove" if dry_run else "Removed"
    lines: list[Line] = [(Span(f"{verb} {escape(lock.name)}: {escape(lock.words)}"),) for lock in removed]
    if not removed:
        lines.append((Span("No lock is stale or damaged."),))
    lines.extend((Span(f"Still held: {escape(lock.words)}", "muted"),) for lock in left)
    return tuple(lines)


def locks_repair_json(removed: Sequence[LockInfo], left: Sequence[LockInfo], *, dry_run: bool) -> dict[str, Any]:
    """The same as JSON values."""
    return {"dry_run": dry_run, "removed": [_lock(lock) for lock in removed], "left": [_lock(lock) for lock in left]}


def _lock(lock: LockInfo) -> dict[str, Any]:
    return {"name": lock.name, "kind": lock.kind, "holder": lock.holder, "words": lock.words}
