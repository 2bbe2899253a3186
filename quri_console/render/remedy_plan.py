"""A smaller remedy's plan as lines: what happens and what does not, the steps, the bill, what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.escape import escape
from quri_console.render.restore_plan import check_lines
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text
from quri_console.units import format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.plan import Difference, Step
    from quri_console.restore.remedy_plan import Payment, RemedyPlan


def remedy_plan_lines(plan: RemedyPlan) -> tuple[Line, ...]:
    """The whole plan in the order in which it is read."""
    from quri_console.restore.remedy_plan import VERBS

    badge = (Span(" PRODUCTION ", "production"),) if plan.production else ()
    return (
        (Span(f"{VERBS[plan.kind]} {escape(plan.name)} on {escape(plan.network)}", "title"), *badge),
        *_summary(plan),
        (),
        _heading("What happens"),
        *((Span(f"  • {escape(sentence)}"),) for sentence in plan.consequences),
        *_differences(plan),
        (),
        _heading("Steps"),
        *(_step(number, step) for number, step in enumerate(plan.steps, 1)),
        *_bill(plan),
        (),
        _heading("Checks"),
        *(line for check in plan.checks for line in check_lines(check)),
    )


def _heading(text: str) -> Line:
    return (Span(text, "title"),)


def _summary(plan: RemedyPlan) -> tuple[Line, ...]:
    status = "" if plan.live is None else f", {plan.live.status}"
    lines: list[Line] = []
    if plan.source is not None:
        age = format_duration(age_seconds(plan.source.taken_at_ns, plan.made_at_ns))
        lines.append((Span(f"  from      {age} old, taken {moment_text(plan.source.taken_at_ns)}"),))
        lines.append((Span(f"  backup    {escape(plan.source.label)}", "muted"),))
    if plan.undoes:
        lines.append((Span(f"  undoes    {escape(plan.undoes)}"),))
    if plan.downtime_high_seconds:
        low, high = format_duration(plan.downtime_low_seconds), format_duration(plan.downtime_high_seconds)
        lines.append((Span(f"  down      ≈ {low}" + (f" to {high}" if high != low else "")),))
    return (
        *lines,
        _verdict(plan),
        (Span(f"  canister  {plan.canister.to_str()}{status}", "muted"),),
        (Span(f"  plan      {plan.hash[:16]}, made {moment_text(plan.made_at_ns)}", "muted"),),
    )


def _verdict(plan: RemedyPlan) -> Line:
    failed, count = plan.failed_checks, len(plan.checks)
    if failed:
        return (Span("  checks    "), Span(f"{len(failed)} of {count} FAILED", "status-critical"))
    return (Span("  checks    "), Span(f"all {count} passed", "status-ok"))


def _differences(plan: RemedyPlan) -> tuple[Line, ...]:
    if not plan.differences:
        return ()
    return ((), _heading("Changes (present → afterwards)"), *(_difference(each) for each in plan.differences))


def _difference(difference: Difference) -> Line:
    changed = f"{escape(difference.live)} → {escape(difference.backup)}"
    return (Span(f"  • {escape(difference.name)}: "), Span(changed, "status-warning"))


def _step(number: int, step: Step) -> Line:
    cost = f"  ≈ {format_cycles(step.cycles)} cycles" if step.cycles else ""
    return (Span(f"  {number}. {escape(step.text)}"), Span(cost + ("  down" if step.stopped else ""), "muted"))


def _bill(plan: RemedyPlan) -> tuple[Line, ...]:
    lines = [] if plan.payment is None else _payment(plan.payment)
    if plan.cycles:
        lines.append(f"  Bill ≈ {format_cycles(plan.cycles)} cycles, paid by the canister.")
    if plan.balances:
        last = plan.balances[-1]
        balance, limit = format_cycles(last.cycles), format_cycles(last.freezing_limit)
        lines.append(f"  Balance afterwards ≈ {balance}, freezing limit ≈ {limit}.")
    return tuple((Span(line),) for line in lines)


def _payment(payment: Payment) -> list[str]:
    before, after = format_cycles(payment.ledger_balance), format_cycles(payment.ledger_after)
    paid = f"{format_cycles(payment.amount)} + {format_cycles(payment.fee)} fee"
    return [f"  The cycles ledger pays {paid}; its balance goes from {before} to {after}."]
