"""What a canister can be restored from, as lines and as one JSON document; texts from outside are escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.clock import utc_datetime
from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text, retold
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.points import PointSummary, RestorePoints


def restore_point_lines(found: RestorePoints) -> tuple[Line, ...]:
    """Newest first; each point as what `--from` takes, with what it would lose, cost and take below it."""
    title = (Span(f"Restore points of {escape(found.name)} on {escape(found.network)}, newest first", "title"),)
    lines: list[Line] = [title]
    for point in found.points:
        lines += [(), *_point(point, found.at_ns)]
    if not found.points:
        lines += [(), (Span("  None is known here.", "status-critical"),)]
    if found.recommended is not None:
        lines += [(), *_why(found.recommended, found.why)]
    for note in found.notes:
        lines += [(), (Span(escape(retold(note)), "status-warning"),)]
    return tuple(lines)


def _point(point: PointSummary, now_ns: int) -> tuple[Line, ...]:
    mark = (Span("  recommended", "status-ok"),) if point.recommended else ()
    head: Line = (Span(f"  --from {escape(point.source)}", "title"), *mark)
    lost = f"loses the last {format_duration(point.lost_seconds)}"
    taken = f"    taken {moment_text(point.taken_at_ns)}; {lost}"
    state = "; ".join(part for part in (format_bytes(point.state_bytes), _module(point), escape(point.where)) if part)
    lines: list[Line] = [head, (Span(taken),), (Span(f"    {state}"),), (Span(f"    {_trust(point, now_ns)}"),)]
    if point.cycles is not None and point.seconds is not None:
        cost = f"    ≈ {format_cycles(point.cycles)} cycles, ≈ {format_duration(point.seconds)}"
        lines.append((Span(cost),))
    if point.note:
        lines.append((Span(f"    {escape(retold(point.note))}", "status-warning"),))
    return tuple(lines)


def _module(point: PointSummary) -> str:
    return "" if point.module_hash is None else f"module {point.module_hash.hex()[:16]}…"


def _trust(point: PointSummary, now_ns: int) -> str:
    if point.kind == "snapshot":
        return "kept by the network as long as the canister has cycles"
    verified = "verified never"
    if point.damaged:
        verified = "DAMAGED"
    elif point.verified_at_ns is not None:
        verified = f"verified {short_age(point.verified_at_ns, now_ns)} ago"
    rehearsed = "never"
    if point.rehearsed_at_ns is not None:
        rehearsed = f"{short_age(point.rehearsed_at_ns, now_ns)} ago"
    group = f", consistent with group {escape(point.group)}" if point.group else ""
    return f"{verified}, rehearsed {rehearsed}, mode {escape(point.mode)}{group}"


def _why(point: PointSummary, why: str) -> tuple[Line, ...]:
    return ((Span(f"Recommended: --from {escape(point.source)}", "title"),), (Span(f"  {escape(why)}."),))


def restore_points_json(found: RestorePoints) -> dict[str, object]:
    """All points, newest first; times in ISO 8601, sizes in bytes."""
    return {
        "canister": found.canister.to_str(),
        "name": found.name,
        "network": found.network,
        "at": _iso(found.at_ns),
        "recommended": None if found.recommended is None else found.recommended.source,
        "why": found.why,
        "points": [_point_json(point) for point in found.points],
        "notes": list(found.notes),
    }


def _point_json(point: PointSummary) -> dict[str, object]:
    return {
        "kind": point.kind,
        "label": point.label,
        "from": point.source,
        "taken_at": _iso(point.taken_at_ns),
        "module_sha256": None if point.module_hash is None else point.module_hash.hex(),
        "state_bytes": point.state_bytes,
        "where": point.where,
        "mode": point.mode,
        "verified_at": _iso(point.verified_at_ns),
        "damaged": point.damaged,
        "rehearsed_at": _iso(point.rehearsed_at_ns),
        "group": point.group,
        "cycles": point.cycles,
        "seconds": point.seconds,
        "lost_seconds": round(point.lost_seconds),
        "fits": point.fits,
        "replaced": point.replaced,
        "recommended": point.recommended,
        "note": point.note,
    }


def _iso(at_ns: int | None) -> str | None:
    return None if at_ns is None else utc_datetime(at_ns).isoformat(timespec="seconds")
