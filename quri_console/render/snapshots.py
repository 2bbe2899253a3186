"""Snapshots on chain as lines: by canister, with age, size, cost and whose each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.ic.management.types import MAX_SNAPSHOTS
from quri_console.render.ages import short_age, utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.restore.chain_snapshots import whose
from quri_console.units import format_bytes, format_cycles

if TYPE_CHECKING:
    from quri_console.restore.chain_snapshots import CanisterSnapshots, ChainSnapshot, SnapshotsView
    from quri_console.restore.snapshot_deletion import DeletionPlan


def snapshots_lines(view: SnapshotsView) -> tuple[Line, ...]:
    """The snapshots of each canister that has some."""
    shown = [found for found in view.canisters if found.snapshots or found.failure]
    if not shown:
        return ((Span("No snapshots on chain."),),)
    lines = [line for found in shown for line in _canister_lines(found, view.at_ns)]
    if any(item.ownership.expired(view.at_ns) for found in shown for item in found.snapshots):
        lines += [(), (Span("Delete what is not needed any more: quri-console snapshots clean"),)]
    return tuple(lines)


def _canister_lines(found: CanisterSnapshots, now_ns: int) -> tuple[Line, ...]:
    if found.failure:
        return ((Span(f"{escape(found.name)}: "), Span(escape(found.failure), "status-warning")),)
    used = len(found.snapshots)
    role = "status-warning" if used >= MAX_SNAPSHOTS - 1 else "muted"
    heading: Line = (Span(escape(found.name), "title"), Span(f"  {used} of {MAX_SNAPSHOTS} slots", role))
    return (heading, *(line for item in found.snapshots for line in _snapshot_lines(item, now_ns)))


def _snapshot_lines(item: ChainSnapshot, now_ns: int) -> tuple[Line, ...]:
    cost = f", ≈ {format_cycles(item.cycles_per_day)} a day" if item.cycles_per_day else ""
    facts = f"{short_age(item.taken_at_ns, now_ns)} old, {format_bytes(item.size_bytes)}{cost}"
    expired = item.ownership.expired(now_ns)
    words = escape(whose(item.ownership))
    return (
        (Span(f"  {item.id.hex()}  {facts}"),),
        (Span(f"    {words}", "status-warning" if expired else "muted"),),
    )


def deletion_lines(plan: DeletionPlan) -> tuple[Line, ...]:
    """What would be deleted, and what is lost by it."""
    badge = (Span("  "), Span("PRODUCTION", "status-critical")) if plan.production else ()
    lines: list[Line] = [(Span(f"Delete snapshots of {escape(plan.name)} on {escape(plan.network)}", "title"), *badge)]
    for item in plan.snapshots:
        lines.append((Span(f"  {item.snapshot_id.hex()}  {escape(item.name)}, {format_bytes(item.size_bytes)}"),))
        lines.append((Span(f"    taken {utc_text(item.taken_at_ns)}, {escape(item.whose)}", "muted"),))
        if item.is_way_back:
            lines.append((Span("    That operation can then not be rolled back any more.", "status-warning"),))
    return tuple(lines)
