"""The selected canister, as spans of text with a role each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import age_seconds, short_age
from quri_console.render.escape import escape
from quri_console.render.fleet_more import more_lines
from quri_console.render.fleet_words import is_old, module_changed, snapshots_words, stepped_age
from quri_console.render.runway_words import runway_sentence
from quri_console.render.spans import Line, Span
from quri_console.render.spark import spark
from quri_console.render.table import LONGEST_NAME, SPARK_SECONDS, health_role
from quri_console.render.zone import moment_text, retold
from quri_console.units import format_bytes, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quri_console.monitor.canister_facts import CanisterFacts
    from quri_console.monitor.fleet import CanisterView

MANY_SAMPLES = 120
"""From here on a day is drawn as a day; the longest spark line in cells, too."""
LONGEST_REASON = 600
MUCH = 2 * LONGEST_REASON
"""As much of a reason as is looked at."""

_LEVEL_WORDS = {"critical": "critical", "warning": "warning", "unknown": "unknown", "ok": "healthy"}


def detail_lines(
    view: CanisterView | None, now_ns: int, *, width: int, facts: CanisterFacts | None = None, long: bool = False
) -> tuple[Line, ...]:
    """What stands beside the table about one canister; every value says its age and origin where that matters.

    `facts` is what was read of it beyond the picture, None while that is not there; `long` shows all of it.
    """
    if view is None:
        return ((Span("No canister is selected.", "muted"),),)
    level = view.health.level
    burn = facts.burn if facts is not None else None
    lines: list[Line] = [
        (
            Span(escape(view.name, limit=LONGEST_NAME), "title"),
            Span(f"  {view.canister_id}  ", "muted"),
            Span(_LEVEL_WORDS[level], health_role(level)),
        ),
        (Span(f"{_capital(runway_sentence(view, burn, now_ns))}."),),
        (Span(_cycles_line(view, now_ns, width), "spark"),),
    ]
    lines += [
        (Span(f"• {escape(retold(reason[:MUCH], now_ns), limit=LONGEST_REASON)}", health_role(level)),)
        for reason in view.health.reasons
    ]
    lines += _safety_lines(view, now_ns)
    lines.append((Span(_origin_sentence(view, now_ns), "stale" if is_old(view, now_ns) else "muted"),))
    if long:
        lines += more_lines(view, facts, now_ns)
    return tuple(lines)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _cycles_line(view: CanisterView, now_ns: int, width: int) -> str:
    since_ns = now_ns - round(SPARK_SECONDS * NANOSECONDS_PER_SECOND)
    points = [point for point in view.cycles_series if point[0] >= since_ns]
    if not points:
        return "cycles, 24 h: no samples yet"
    # a history of minutes drawn over a day would be one mark in an empty line
    seconds = age_seconds(points[0][0], points[-1][0])
    young = len(points) < MANY_SAMPLES or seconds < SPARK_SECONDS / 4
    title = f"cycles, {_span_words(len(points), seconds) if young else '24 h'} "
    cells = min(width - len(title), len(points), MANY_SAMPLES) if young else min(width - len(title), MANY_SAMPLES)
    return title + spark(
        points, cells, since_ns=points[0][0] if young else since_ns, until_ns=points[-1][0] if young else now_ns
    )


def _span_words(samples: int, seconds: float) -> str:
    if samples >= MANY_SAMPLES:
        return format_duration(seconds - seconds % 60)
    return "1 sample" if samples == 1 else f"{samples} samples"


def _safety_lines(view: CanisterView, now_ns: int) -> Iterator[Line]:
    """Backups, snapshots, alerts and memory: one line of what there is to fall back on."""
    parts = [Span(_backup_words(view, now_ns), "" if view.verified_at_ns is not None else "status-warning")]
    if view.ready is not None:
        asked = short_age(view.ready_at_ns, now_ns)
        ready = f"ready to be restored {asked} ago" if view.ready else f"NOT ready to be restored {asked} ago"
        parts.append(Span(ready, "" if view.ready else "status-critical"))
    if view.alert:
        parts.append(Span(f"alert {view.alert}", "status-critical" if view.alert == "firing" else "muted"))
    if view.memory_bytes is not None:
        parts.append(Span(f"{format_bytes(view.memory_bytes)} of memory"))
    if snapshots := snapshots_words(view):
        parts.append(Span(snapshots))
    if module_changed(view, now_ns):
        parts.append(Span(f"module changed {short_age(view.module_changed_at_ns, now_ns)} ago", "delta-changed"))
    yield tuple(piece for number, part in enumerate(parts) for piece in ((Span("; "), part) if number else (part,)))


def _backup_words(view: CanisterView, now_ns: int) -> str:
    newest, verified = view.last_backup_at_ns, view.verified_at_ns
    if newest is None:
        return "No backup"
    age = stepped_age(newest, now_ns)
    if verified is None:
        return f"Newest backup {age} old, none verified"
    if verified == newest:
        return f"Newest backup {age} old, verified"
    return f"Newest backup {age} old, newest verified {stepped_age(verified, now_ns)}"


def _origin_sentence(view: CanisterView, now_ns: int) -> str:
    if view.sampled_at_ns is None:
        return escape(view.error, limit=LONGEST_REASON) if view.error else "Never sampled."
    origin = {
        "query": "a query signed by a node",
        "update": "a certified update call",
        "public": "the public state tree",
        "blackhole": "the blackhole canister",
        "imported": "an imported history",
        "": "an unrecorded source",
    }[view.origin]
    sentence = f"Sampled {moment_text(view.sampled_at_ns)} from {origin}"
    if not is_old(view, now_ns):
        return sentence + "."
    age = format_duration(age_seconds(view.sampled_at_ns, now_ns))
    error = f" {escape(view.error, limit=LONGEST_REASON)}" if view.error else ""
    return f"STALE, {age} old: {sentence}.{error}"
