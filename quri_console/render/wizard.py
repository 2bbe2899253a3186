"""The first pages of the restore wizard as tables: remedies, and restore points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.render.grid import UNKNOWN, Cell, Column, Row
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.points import PointSummary, RestorePoints
    from quri_console.restore.remedies import Proposal, Remedy

REMEDY_COLUMNS = (
    Column("remedy", "Remedy"),
    Column("loses", "What is lost"),
    Column("bill", "Cycles", right=True, priority=1),
    Column("down", "Down for", right=True, priority=2),
)
POINT_COLUMNS = (
    Column("source", "Restore point"),
    Column("lost", "Loses", right=True),
    Column("trust", "Trust"),
    Column("bill", "Cycles", right=True, priority=1),
    Column("time", "Takes", right=True, priority=2),
    Column("size", "Size", right=True, priority=3),
)


def remedy_rows(proposal: Proposal) -> tuple[Row, ...]:
    """A row for each remedy, least destructive first; `>` stands before the one to begin with."""
    return tuple(_remedy(remedy) for remedy in proposal.remedies)


def _remedy(remedy: Remedy) -> Row:
    role = "status-ok" if remedy.destructive == 0 else "status-warning" if remedy.destructive < 3 else "status-critical"
    name = f"{'> ' if remedy.recommended else '  '}{remedy.name}"
    down = UNKNOWN if remedy.downtime_seconds is None else format_duration(remedy.downtime_seconds)
    cells = (
        Cell(name, "title" if remedy.recommended else "plain"),
        Cell(remedy.loses, role),
        _cycles(remedy.cycles),
        Cell(down),
    )
    return Row(remedy.name, cells)


def _cycles(cycles: int | None) -> Cell:
    return Cell(UNKNOWN, "muted") if cycles is None else Cell(f"≈{format_cycles(cycles)}", sort=float(cycles))


def remedy_lines(proposal: Proposal, name: str | None) -> tuple[Line, ...]:
    """What is wrong, and the chosen remedy in words."""
    lines: list[Line] = [(Span(escape(proposal.summary), "title"),)]
    remedy = next((item for item in proposal.remedies if item.name == name), None)
    if remedy is not None:
        lines += [(), (Span(f"{remedy.name}: {escape(remedy.why)}"),)]
        if remedy.note:
            lines.append((Span(escape(remedy.note), "status-warning"),))
        lines.append((Span(escape(remedy.command), "muted"),))
    lines += [(Span(escape(note), "status-warning"),) for note in proposal.notes]
    return tuple(lines)


def point_rows(found: RestorePoints) -> tuple[Row, ...]:
    """A row for each restore point, newest first; the recommended one is marked."""
    return tuple(_point(point, found.at_ns) for point in found.points)


def _point(point: PointSummary, now_ns: int) -> Row:
    label = f"{'> ' if point.recommended else '  '}{_short(point.source)}"
    takes = UNKNOWN if point.seconds is None else f"≈{format_duration(point.seconds)}"
    return Row(
        point.source,
        (
            Cell(escape(label), "title" if point.recommended else "plain"),
            Cell(format_duration(point.lost_seconds), "status-warning", point.lost_seconds),
            _trust(point, now_ns),
            _cycles(point.cycles),
            Cell(takes),
            Cell(format_bytes(point.state_bytes), sort=float(point.state_bytes)),
        ),
    )


def _short(source: str) -> str:
    """A snapshot's id by its end, which tells those of one canister apart by their counter."""
    kind, colon, identifier = source.partition(":")
    return source if len(identifier) <= 16 else f"{kind}{colon}{identifier[8:16]}…"


def _trust(point: PointSummary, now_ns: int) -> Cell:
    if point.damaged:
        return Cell("DAMAGED", "status-critical")
    if point.rehearsal_failed:
        return Cell("rehearsal failed", "status-critical")
    if point.kind == "snapshot":
        return Cell("on chain", "plain")
    if point.verified_at_ns is None:
        return Cell("never verified", "status-warning")
    words = f"verified {short_age(point.verified_at_ns, now_ns)} ago"
    if point.rehearsed_at_ns is not None:
        words += f", rehearsed {short_age(point.rehearsed_at_ns, now_ns)} ago"
    return Cell(words, "status-ok")
