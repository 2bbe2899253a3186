"""What would help a canister, as lines and as JSON: least destructive first, why, the command, the bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import retold
from quri_console.units import format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.remedies import Proposal, Remedy


def proposal_lines(proposal: Proposal) -> tuple[Line, ...]:
    """The remedies in their order; the one to begin with is marked."""
    lines: list[Line] = [(Span("What helps, least destructive first", "title"),), (Span(escape(proposal.summary)),)]
    for number, remedy in enumerate(proposal.remedies, 1):
        lines += _remedy(number, remedy)
    if not proposal.remedies:
        lines.append((Span("  nothing that this tool can do", "status-warning"),))
    lines += [(Span(escape(retold(note)), "status-warning"),) for note in proposal.notes]
    return tuple(lines)


def _remedy(number: int, remedy: Remedy) -> list[Line]:
    mark = (Span("  ← begin here", "status-ok"),) if remedy.recommended else ()
    lines: list[Line] = [
        (Span(f"  {number}. {remedy.name}: {escape(remedy.why)}"), *mark),
        (Span(f"     {escape(remedy.command)}", "title"),),
        (Span(f"     {_bill(remedy)}", "muted"),),
    ]
    if remedy.note:
        lines.append((Span(f"     {escape(retold(remedy.note))}", "status-warning"),))
    return lines


def _bill(remedy: Remedy) -> str:
    payer = "of the cycles ledger" if remedy.paid_by_ledger else "cycles"
    parts = [remedy.loses]
    if remedy.cycles is not None:
        parts.append(f"≈ {format_cycles(remedy.cycles)} {payer}")
    if remedy.downtime_seconds:
        parts.append(f"down for ≈ {format_duration(remedy.downtime_seconds)}")
    elif remedy.downtime_seconds == 0:
        parts.append("no downtime")
    return "; ".join(parts)


def proposal_json(proposal: Proposal) -> dict[str, object]:
    """The same as JSON values; cycles as numbers, times in nanoseconds since 1970."""
    return {
        "network": proposal.network,
        "canister": proposal.canister,
        "name": proposal.name,
        "at_ns": proposal.at_ns,
        "condition": proposal.condition,
        "summary": proposal.summary,
        "remedies": [
            {
                "name": remedy.name,
                "why": remedy.why,
                "command": remedy.command,
                "cycles": remedy.cycles,
                "paid_by_ledger": remedy.paid_by_ledger,
                "downtime_seconds": remedy.downtime_seconds,
                "destructive": remedy.destructive,
                "loses": remedy.loses,
                "recommended": remedy.recommended,
                "note": remedy.note,
            }
            for remedy in proposal.remedies
        ],
        "notes": list(proposal.notes),
    }
