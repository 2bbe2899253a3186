"""A rollback's plan as lines: which state comes back, what it replaces, and in which steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds, utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_duration

if TYPE_CHECKING:
    from quri_console.restore.rollback import RollbackPlan


def rollback_plan_lines(plan: RollbackPlan, *, plan_hash: str, now_ns: int) -> tuple[Line, ...]:
    """The whole plan in the order in which it is read; `plan_hash` in hex, `now_ns` since 1970."""
    age = format_duration(age_seconds(plan.taken_at_ns, now_ns))
    state = f"{format_bytes(plan.heap_bytes)} of heap, {format_bytes(plan.stable_bytes)} of stable memory"
    return (
        (Span(f"Roll {escape(plan.name)} on {escape(plan.network)} back", "title"),),
        (Span(f"  to        the state before {escape(plan.operation)}"),),
        (Span(f"  from      its safety snapshot, {age} old, taken {utc_text(plan.taken_at_ns)}"),),
        (Span("  replaces  "), Span(f"whatever was written in the last {age}", "status-warning")),
        (Span("  way back  a safety snapshot of the present state, kept on chain"),),
        (Span(f"  canister  {plan.canister.to_str()}, {escape(plan.status)}", "muted"),),
        (Span(f"  snapshot  {plan.snapshot_id.hex()}: {state}", "muted"),),
        (Span(f"  plan      {plan_hash[:16]}", "muted"),),
        (),
        (Span("Steps", "title"),),
        *((Span(f"  {number}. {escape(step)}"),) for number, step in enumerate(plan.steps, 1)),
    )
