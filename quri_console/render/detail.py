"""The selected canister and the banner above the fleet, as spans of text with a role each."""

from __future__ import annotations

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.monitor.rules import HealthLevel
from quri_console.render.ages import age_seconds, utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.spark import spark
from quri_console.render.table import SPARK_SECONDS, health_role
from quri_console.units import format_bytes, format_cycles, format_duration

MANY_SAMPLES = 120
"""From here on a day is drawn as a day; the longest spark line in cells, too."""

_LEVELS: tuple[HealthLevel, ...] = ("critical", "warning", "unknown", "ok")
_LEVEL_WORDS = {"critical": "critical", "warning": "warning", "unknown": "unknown", "ok": "healthy"}


def banner_spans(
    fleet: FleetStatus | None, now_ns: int, *, network: str, production: bool, read_only: bool
) -> tuple[Span, ...]:
    """The line above everything: network, badges, how many canisters are how, age of the picture."""
    spans = [Span(" quri-console ", "muted"), Span(f" {escape(network)} ", "title")]
    if production:
        spans.append(Span(" PRODUCTION ", "production"))
    if read_only:
        spans.append(Span(" READ-ONLY ", "status-warning"))
    if fleet is None:
        return (*spans, Span(" reading the history …", "muted"))
    counts = {level: sum(view.health.level == level for view in fleet.canisters) for level in _LEVELS}
    spans += [Span(f" {counts[level]} {_LEVEL_WORDS[level]}", health_role(level)) for level in _LEVELS if counts[level]]
    spans.append(Span(f" · {_freshness(fleet, now_ns)} · UTC", "muted"))
    if fleet.notice:
        spans.append(Span(f" · {escape(fleet.notice)}", "status-warning"))
    return tuple(spans)


def _freshness(fleet: FleetStatus, now_ns: int) -> str:
    sampled = [view.sampled_at_ns for view in fleet.canisters if view.sampled_at_ns is not None]
    if not sampled:
        return "no sample yet"
    # in whole intervals, so that the line stands still while nothing is late
    late = int(age_seconds(max(sampled), now_ns) // fleet.interval_seconds)
    if late == 0:
        return f"polled every {format_duration(fleet.interval_seconds)}"
    return f"last answer {format_duration(late * fleet.interval_seconds)} ago or more"


def detail_lines(view: CanisterView | None, now_ns: int, *, width: int) -> tuple[Line, ...]:
    """What stands beside the table about one canister; every value says its age and origin where that matters."""
    if view is None:
        return ((Span("No canister is selected.", "muted"),),)
    lines = [
        (
            Span(escape(view.name), "title"),
            Span(f"  {view.canister_id}  ", "muted"),
            Span(_LEVEL_WORDS[view.health.level], health_role(view.health.level)),
        ),
        (Span(burn_sentence(view)),),
        (Span(_cycles_line(view, now_ns, width), "spark"),),
    ]
    lines += [(Span(f"• {escape(reason)}", health_role(view.health.level)),) for reason in view.health.reasons]
    snapshots = snapshots_words(view)
    if snapshots:
        lines.append((Span(f"{snapshots}."),))
    lines.append((Span(_origin_sentence(view, now_ns), "stale" if view.stale else "muted"),))
    if view.module_hash is not None:
        lines.append((Span(f"module {view.module_hash.hex()}", "muted"),))
    return tuple(lines)


def _cycles_line(view: CanisterView, now_ns: int, width: int) -> str:
    since_ns = now_ns - round(SPARK_SECONDS * NANOSECONDS_PER_SECOND)
    points = [point for point in view.cycles_series if point[0] >= since_ns]
    if not points:
        return "cycles, 24 h: no samples yet"
    # a history of minutes drawn over a day would be one mark in an empty line
    young = len(points) < MANY_SAMPLES
    title = f"cycles, {len(points)} {'sample' if len(points) == 1 else 'samples'} " if young else "cycles, 24 h "
    cells = min(width - len(title), len(points) if young else MANY_SAMPLES)
    return title + spark(
        points, cells, since_ns=points[0][0] if young else since_ns, until_ns=points[-1][0] if young else now_ns
    )


def burn_sentence(view: CanisterView) -> str:
    """How long the cycles last, in words: `492 B cycles, burning ≈ 12 B a day, frozen in ≈ 38 d`."""
    if view.sampled_at_ns is None:
        return "Cycles are not known: no sample has been taken yet."
    if view.cycles is None:
        return "Cycles are not known: only a controller or a viewer may read them."
    sentence = f"{format_cycles(view.cycles)} cycles"
    if view.burn_per_day:
        sentence += f", burning ≈ {format_cycles(round(view.burn_per_day))} a day"
    if view.runway_seconds is not None:
        frozen = view.runway_seconds <= 0
        sentence += ", frozen now" if frozen else f", frozen in ≈ {format_duration(view.runway_seconds)}"
    if view.memory_bytes is not None:
        sentence += f"; {format_bytes(view.memory_bytes)} of memory"
    return sentence + "."


def snapshots_words(view: CanisterView) -> str:
    """What a canister's snapshots on chain take, which it pays for as for memory; empty without any."""
    # not every picture of a canister knows it
    size: int | None = getattr(view, "snapshot_bytes", None)
    return f"{format_bytes(size)} of snapshots on chain" if size else ""


def _origin_sentence(view: CanisterView, now_ns: int) -> str:
    if view.sampled_at_ns is None:
        return escape(view.error) if view.error else "Never sampled."
    origin = {
        "query": "a query signed by a node",
        "update": "a certified update call",
        "public": "the public state tree",
        "": "an unrecorded source",
    }[view.origin]
    sentence = f"Sampled {utc_text(view.sampled_at_ns)} from {origin}"
    if not view.stale:
        return sentence + "."
    age = format_duration(age_seconds(view.sampled_at_ns, now_ns))
    error = f" {escape(view.error)}" if view.error else ""
    return f"STALE, {age} old: {sentence}.{error}"
