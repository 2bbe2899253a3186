"""A rollback's plan as lines: which states come back, what they replace, in which steps, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.rollback import RollbackMember, RollbackPlan


def rollback_plan_lines(plan: RollbackPlan, *, plan_hash: str, now_ns: int) -> tuple[Line, ...]:
    """The whole plan in the order in which it is read; `plan_hash` in hex, `now_ns` since 1970."""
    badge = (Span("  "), Span("PRODUCTION", "status-critical")) if plan.production else ()
    kept = f", kept until {moment_text(plan.kept_until_ns)}" if plan.kept_until_ns else ""
    return (
        (Span(f"Roll {escape(plan.name)} on {escape(plan.network)} back", "title"), *badge),
        (Span(f"  to        the state before {escape(plan.operation)}"),),
        *(line for member in plan.members for line in _member_lines(plan, member, kept, now_ns)),
        (Span("  way back  a safety snapshot of the present state, kept on chain"),),
        (Span(f"  bill      ≈ {format_cycles(plan.cycles)} cycles"),),
        (Span(f"  plan      {plan_hash[:16]}", "muted"),),
        (),
        (Span("Steps", "title"),),
        *(
            (Span(f"  {number}. {escape(step.text)}"), Span(_cost(step.cycles), "muted"))
            for number, step in enumerate(plan.priced_steps, 1)
        ),
    )


def _member_lines(plan: RollbackPlan, member: RollbackMember, kept: str, now_ns: int) -> tuple[Line, ...]:
    age = format_duration(age_seconds(member.taken_at_ns, now_ns))
    state = f"{format_bytes(member.heap_bytes)} of heap, {format_bytes(member.stable_bytes)} of stable memory"
    name = () if len(plan.members) == 1 else ((Span(f"{escape(member.name)}", "title"),),)
    settings = () if member.settings is None else ((Span("  settings  those that it changed come back, too"),),)
    return (
        *name,
        (Span(f"  from      its safety snapshot, {age} old, taken {moment_text(member.taken_at_ns)}"),),
        *(((Span(f"            {kept.removeprefix(', ')}", "muted"),),) if kept else ()),
        (Span("  replaces  "), Span(f"whatever was written in the last {age}", "status-warning")),
        *settings,
        (Span(f"  canister  {member.canister.to_str()}, {escape(member.status)}", "muted"),),
        (Span(f"  snapshot  {member.snapshot_id.hex()}: {state}", "muted"),),
    )


def _cost(cycles: int) -> str:
    return f"  ≈ {format_cycles(cycles)}" if cycles else ""
