"""A restore's plan as lines: what is lost, what differs, what is done, what it costs, what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text, retold
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.group_plan import GroupPlan
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
        _heading(f"Difference ({plan.source.kind} → live)"),
        *(_difference(difference) for difference in plan.differences),
        *_newest_copy(plan),
        *_not_compared(plan),
        (),
        _heading("Steps"),
        *(_step(number, step) for number, step in enumerate(plan.steps, 1)),
        *_bill(plan),
        *_offers(plan),
        (),
        _heading("Checks"),
        *(line for check in plan.checks for line in check_lines(check)),
    )


def _heading(text: str) -> Line:
    return (Span(text, "title"),)


def _title(plan: RestorePlan) -> Line:
    badge = (Span(" PRODUCTION ", "production"),) if plan.production else ()
    return (Span(f"Restore {escape(plan.name)} on {escape(plan.network)}", "title"), *badge)


def _summary(plan: RestorePlan) -> tuple[Line, ...]:
    source = plan.source
    age = format_duration(age_seconds(source.taken_at_ns, plan.made_at_ns))
    return (
        (Span("  from      "), Span(f"{age} old", "title"), Span(f", taken {moment_text(source.taken_at_ns)}")),
        (Span("  lost      "), Span(f"whatever was written in the last {age}", "status-warning")),
        (Span(f"  takes     {_takes(plan)}; ≈ {format_cycles(plan.cycles)} cycles"),),
        (Span(f"  way back  {_way_back(plan)}"),),
        *((Span("  warning   "), Span(escape(warning), "status-warning")) for warning in plan.warnings),
        *_verdict(plan),
        (Span(f"  canister  {plan.canister.to_str()}, {plan.live.status}; {_afterwards(plan)}", "muted"),),
        (Span(f"  {source.kind:<8}  {escape(source.label)}", "muted"),),
        (Span(f"  plan      {plan.hash[:16]}, made {moment_text(plan.made_at_ns)}{_expiry(plan)}", "muted"),),
    )


def _takes(plan: RestorePlan) -> str:
    whole = _range(plan.duration_seconds, plan.duration_high_seconds)
    if not plan.downtime_seconds:
        return f"≈ {whole} in all, no downtime"
    return f"≈ {whole} in all, down for ≈ {_range(plan.downtime_seconds, plan.downtime_high_seconds)}"


def _range(low: int, high: int) -> str:
    return format_duration(low) if high <= low else f"{format_duration(low)} to {format_duration(high)}"


def _way_back(plan: RestorePlan) -> str:
    if plan.safety_snapshot:
        return "a safety snapshot, kept on chain until you roll back or delete it"
    if plan.no_safety_reason and plan.live.module_hash is not None:
        return f"NONE, as asked: {escape(plan.no_safety_reason)}"
    return "none needed: it has no module now"


def _afterwards(plan: RestorePlan) -> str:
    starts = plan.live.status != "stopped" if plan.start_after is None else plan.start_after
    if not starts:
        word = "stays stopped" if plan.live.status == "stopped" else "left stopped"
        return f"{word}: quri-console start {escape(plan.name)} starts it"
    return "afterwards as it is now" if plan.start_after is None else "started afterwards"


def _expiry(plan: RestorePlan) -> str:
    return f", valid until {moment_text(plan.expires_at_ns)}" if plan.expires_at_ns else ""


def _newest_copy(plan: RestorePlan) -> tuple[Line, ...]:
    copy = plan.newest_copy
    if copy is None:
        text = "No copy of the canister is held here, so what changed since cannot be told."
        return ((), _heading("Changed since"), (Span(f"  {text}", "muted"),))
    age = format_duration(age_seconds(copy.taken_at_ns, plan.made_at_ns))
    if copy.is_source:
        text = f"This is the newest copy that we hold ({age} old): what changed since is not known."
        return ((), _heading("Changed since"), (Span(f"  {text}", "muted"),))
    newer = copy.taken_at_ns >= plan.source.taken_at_ns
    title = "Changed since, up to" if newer else "Compared with the newest copy, which is older:"
    heading: Line = (Span(f"{title} {escape(copy.label)} ", "title"), Span(f"({age} old)", "muted"))
    return ((), heading, *((Span(f"  • {escape(change)}"),) for change in copy.changes))


def _offers(plan: RestorePlan) -> tuple[Line, ...]:
    lines: list[Line] = []
    for offer in plan.offers:
        lines += [(), (Span(f"  {escape(offer.text)}", "status-warning"),)]
        if offer.command:
            lines.append((Span(f"    {escape(offer.command)}"),))
    return tuple(lines)


def _verdict(plan: RestorePlan) -> tuple[Line, ...]:
    failed, all_checks = plan.failed_checks, len(plan.checks)
    if not failed:
        passed = "1 passed" if all_checks == 1 else f"all {all_checks} passed"
        return ((Span("  checks    "), Span(passed, "status-ok")),)
    count = f"{len(failed)} of {all_checks} FAILED"
    lines: list[Line] = [(Span("  checks    "), Span(count, "status-critical"))]
    for check in failed:
        lines.append((Span(f"            {escape(check.name)}: {escape(retold(check.found))}", "status-critical"),))
        if check.next_step:
            lines.append((Span(f"            {escape(retold(check.next_step))}", "status-warning"),))
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
    if source.kind == "snapshot":
        sent = "nothing is sent, the snapshot is on chain"
    lines = [f"  Bill ≈ {format_cycles(plan.cycles)} cycles; {sent}."]
    if plan.balances:
        last = plan.balances[-1]
        balance, limit = format_cycles(last.cycles), format_cycles(last.freezing_limit)
        lines.append(f"  Balance afterwards ≈ {balance}, freezing limit ≈ {limit}.")
    if plan.storage_cycles_per_day:
        per_day = format_cycles(plan.storage_cycles_per_day)
        lines.append(f"  The safety snapshot burns ≈ {per_day} cycles a day for as long as it is kept.")
    return tuple((Span(line),) for line in lines)


def check_lines(check: Check) -> tuple[Line, ...]:
    """A check of a plan: whether it passed, what was found, and what to do where it failed."""
    mark, role = ("ok", "status-ok") if check.passed else ("FAILED", "status-critical")
    line = (Span(f"  {mark:<6}  ", role), Span(f"{escape(check.name)}: {escape(retold(check.found))}"))
    if check.passed or not check.next_step:
        return (line,)
    return (line, (Span(f"          {escape(retold(check.next_step))}", "status-warning"),))


def group_plan_lines(plan: GroupPlan) -> tuple[Line, ...]:
    """The plan of a group: what concerns all members first, then each of them whole."""
    badge = (Span(" PRODUCTION ", "production"),) if plan.production else ()
    names = ", ".join(escape(member.name) for member in plan.members)
    failed, count = plan.failed_checks, sum(len(member.checks) for member in plan.members)
    verdict = Span(f"all {count} passed", "status-ok")
    if failed:
        verdict = Span(f"{len(failed)} of {count} FAILED, see below", "status-critical")
    lines: list[Line] = [
        (Span(f"Restore the group {escape(plan.name)} on {escape(plan.network)}", "title"), *badge),
        (Span(f"  canisters {names}"),),
        (Span("  order     each step for all of them before the next; started in this order"),),
        (Span(f"  takes     ≈ {format_cycles(plan.cycles)} cycles in all"),),
        (Span("  way back  all of them are rolled back when one fails"),),
        (Span("  checks    "), verdict),
        (Span(f"  plan      {plan.hash[:16]}, made {moment_text(plan.made_at_ns)}", "muted"),),
    ]
    for member in plan.members:
        lines += [(), *restore_plan_lines(member)]
    return tuple(lines)
