"""A restore's plan as lines: what is lost, what differs, what is done, what it costs, what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds, utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.plan import Check, Difference, RestorePlan, Step


def restore_plan_lines(plan: RestorePlan, *, titled: bool = True) -> tuple[Line, ...]:
    """The whole plan in the order in which it is read: what matters most first, then every detail.

    Without `titled` the first line is left out, for a page whose title says it already.
    """
    return (
        *((_title(plan),) if titled else ()),
        *_summary(plan),
        (),
        _heading("What does not come back"),
        *((Span(f"  • {escape(sentence)}"),) for sentence in plan.not_coming_back),
        (),
        _heading("Difference (backup → live)"),
        *(_difference(difference) for difference in plan.differences),
        *_not_compared(plan),
        (),
        _heading("Steps"),
        *(_step(number, step) for number, step in enumerate(plan.steps, 1)),
        *_bill(plan),
        (),
        _heading("Checks"),
        *(line for check in plan.checks for line in _check(check)),
    )


def _heading(text: str) -> Line:
    return (Span(text, "title"),)


def _title(plan: RestorePlan) -> Line:
    badge = (Span(" PRODUCTION ", "production"),) if plan.production else ()
    return (Span(f"Restore {escape(plan.name)} on {escape(plan.network)}", "title"), *badge)


def _summary(plan: RestorePlan) -> tuple[Line, ...]:
    source = plan.source
    age = format_duration(age_seconds(source.taken_at_ns, plan.made_at_ns))
    down = f"down for ≈ {format_duration(plan.downtime_seconds)}" if plan.downtime_seconds else "no downtime"
    takes = f"≈ {format_duration(plan.duration_seconds)} in all, {down}"
    kept = "a safety snapshot, kept on chain until you roll back or delete it"
    way_back = kept if plan.safety_snapshot else "none needed: it has no module now"
    return (
        (Span("  from      "), Span(f"{age} old", "title"), Span(f", taken {utc_text(source.taken_at_ns)}")),
        (Span("  lost      "), Span(f"whatever was written in the last {age}", "status-warning")),
        (Span(f"  takes     {takes}; ≈ {format_cycles(plan.cycles)} cycles"),),
        (Span(f"  way back  {way_back}"),),
        *_verdict(plan),
        (Span(f"  canister  {plan.canister.to_str()}, {plan.live.status}", "muted"),),
        (Span(f"  backup    {escape(source.label)}", "muted"),),
        (Span(f"  plan      {plan.hash[:16]}, made {utc_text(plan.made_at_ns)}", "muted"),),
    )


def _verdict(plan: RestorePlan) -> tuple[Line, ...]:
    failed, all_checks = plan.failed_checks, len(plan.checks)
    if not failed:
        passed = "1 passed" if all_checks == 1 else f"all {all_checks} passed"
        return ((Span("  checks    "), Span(passed, "status-ok")),)
    count = f"{len(failed)} of {all_checks} FAILED"
    lines: list[Line] = [(Span("  checks    "), Span(count, "status-critical"))]
    for check in failed:
        lines.append((Span(f"            {escape(check.name)}: {escape(check.found)}", "status-critical"),))
        if check.next_step:
            lines.append((Span(f"            {escape(check.next_step)}", "status-warning"),))
    return tuple(lines)


def _difference(difference: Difference) -> Line:
    fate = "comes back" if difference.restored else "stays as it is now"
    return (
        Span(f"  • {escape(difference.name)}: "),
        Span(f"{escape(difference.backup)} → {escape(difference.live)}", "status-warning"),
        Span(f"  ({fate})", "muted"),
    )


def _not_compared(plan: RestorePlan) -> tuple[Line, ...]:
    if not plan.not_compared:
        return ()
    lines: list[Line] = []
    for part in plan.not_compared:
        lines.append((Span(f"  • {escape(part.text)}", "status-warning"),))
        if part.command:
            # on a line of its own, to be copied
            lines.append((Span(f"    {escape(part.command)}"),))
    return ((), _heading("Not compared"), *lines)


def _step(number: int, step: Step) -> Line:
    cost = f"  ≈ {format_cycles(step.cycles)} cycles" if step.cycles else ""
    return (Span(f"  {number}. {escape(step.text)}"), Span(cost + ("  down" if step.stopped else ""), "muted"))


def _bill(plan: RestorePlan) -> tuple[Line, ...]:
    source = plan.source
    sent = f"{format_bytes(source.sent_bytes)} sent, {format_bytes(source.skipped_bytes)} of zeroes skipped"
    lines = [f"  Bill ≈ {format_cycles(plan.cycles)} cycles; {sent}."]
    if plan.balances:
        last = plan.balances[-1]
        balance, limit = format_cycles(last.cycles), format_cycles(last.freezing_limit)
        lines.append(f"  Balance afterwards ≈ {balance}, freezing limit ≈ {limit}.")
    if plan.storage_cycles_per_day:
        per_day = format_cycles(plan.storage_cycles_per_day)
        lines.append(f"  The safety snapshot burns ≈ {per_day} cycles a day for as long as it is kept.")
    return tuple((Span(line),) for line in lines)


def _check(check: Check) -> tuple[Line, ...]:
    mark, role = ("ok", "status-ok") if check.passed else ("FAILED", "status-critical")
    line = (Span(f"  {mark:<6}  ", role), Span(f"{escape(check.name)}: {escape(check.found)}"))
    if check.passed or not check.next_step:
        return (line,)
    return (line, (Span(f"          {escape(check.next_step)}", "status-warning"),))
