"""Whether canisters could be restored this minute, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import retold
from quri_console.units import format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.restore.points import PointSummary
    from quri_console.restore.ready import Readiness


def ready_lines(found: Sequence[Readiness]) -> tuple[Line, ...]:
    """Each canister with its verdict, what stands in the way, and what would be restored."""
    lines: list[Line] = [line for item in found for line in _canister(item)]
    ready = sum(item.ready for item in found)
    role = "status-ok" if ready == len(found) else "status-critical"
    return (*lines, (), (Span(f"{ready} of {len(found)} ready", role),))


def _canister(item: Readiness) -> list[Line]:
    verdict = Span("ready", "status-ok") if item.ready else Span("NOT READY", "status-critical")
    lines: list[Line] = [(Span(f"{escape(item.name)}  ", "title"), verdict)]
    for check in item.failed_checks:
        lines.append((Span(f"  {escape(check.name)}: {escape(retold(check.found))}", "status-critical"),))
        if check.next_step:
            lines.append((Span(f"    {escape(check.next_step)}", "status-warning"),))
    if item.point is not None:
        lines.append((Span(f"  from {_point(item.point, item.at_ns)}", "muted"),))
    lines += [(Span(f"  {escape(advice)}", "status-warning"),) for advice in item.advice]
    return lines


def _point(point: PointSummary, at_ns: int) -> str:
    age, bill = format_duration(point.lost_seconds), point.cycles
    paid = "" if bill is None else f", ≈ {format_cycles(bill)} cycles"
    return f"{escape(point.label)}: {age} old, {_proofs(point, at_ns)}{paid}"


def _proofs(point: PointSummary, at_ns: int) -> str:
    if point.kind == "snapshot":
        return "on chain"
    pairs = (("verified", point.verified_at_ns), ("rehearsed", point.rehearsed_at_ns))
    return ", ".join(f"never {what}" if when is None else f"{what} {_ago(when, at_ns)} ago" for what, when in pairs)


def _ago(when_ns: int, at_ns: int) -> str:
    return format_duration(max(at_ns - when_ns, 0) / NANOSECONDS_PER_SECOND)


def ready_json(found: Sequence[Readiness]) -> dict[str, object]:
    """The same as JSON values; times in nanoseconds since 1970."""
    return {"ready": all(item.ready for item in found), "canisters": [_as_plain(item) for item in found]}


def _as_plain(item: Readiness) -> dict[str, object]:
    point = item.point
    return {
        "name": item.name,
        "canister": item.canister,
        "ready": item.ready,
        "condition": item.condition,
        "checks": [
            {"name": check.name, "passed": check.passed, "found": check.found, "next": check.next_step}
            for check in item.checks
        ],
        "restore_point": None
        if point is None
        else {
            "kind": point.kind,
            "label": point.label,
            "source": point.source,
            "taken_at_ns": point.taken_at_ns,
            "age_seconds": round(point.lost_seconds),
            "verified_at_ns": point.verified_at_ns,
            "rehearsed_at_ns": point.rehearsed_at_ns,
            "cycles": point.cycles,
            "seconds": point.seconds,
        },
        "advice": list(item.advice),
        "at_ns": item.at_ns,
    }
