"""The lines above every view: which network this is, its badges, how the fleet is and how fresh the picture."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.table import health_role
from quri_console.render.width import cut_off
from quri_console.render.zone import clock_text, zone_name
from quri_console.units import format_duration

if TYPE_CHECKING:
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.monitor.rules import HealthLevel

LEVELS: tuple[HealthLevel, ...] = ("critical", "warning", "unknown", "ok")
LEVEL_WORDS = {"critical": "critical", "warning": "warning", "unknown": "unknown", "ok": "healthy"}
BADGE = "badge-"
"""Begins the roles of badges, which are drawn reversed; what follows is the role whose colour they have."""
NETWORK_ROLES = ("primary", "secondary", "accent", "spark", "delta-up")
"""What tells one network that is not production from another."""
LONGEST_NETWORK = 17
TITLE_WIDTH = 100
"""From here on there is room for the program's name."""


@dataclass(frozen=True, slots=True)
class Badges:
    """What is said of the console itself; it stands before all else, so that nothing pushes it off the screen."""

    network: str
    production: bool
    read_only: bool
    lockdown: bool = False
    paused: bool = False
    firing: int = 0
    """Alerts that fire now."""


def banner_lines(
    fleet: FleetStatus | None, now_ns: int, badges: Badges, *, width: int = TITLE_WIDTH
) -> tuple[Line, ...]:
    """One line, and a second one where something has to be said that the first has no room for."""
    first = _first_line(fleet, now_ns, badges, width=width)
    second = _second_line(fleet, now_ns)
    return (first, second) if second else (first,)


def _first_line(fleet: FleetStatus | None, now_ns: int, badges: Badges, *, width: int) -> Line:
    spans = [Span(" quri-console ", "muted")] if width >= TITLE_WIDTH else []
    spans += _badge_spans(badges)
    if fleet is None:
        return (*spans, Span(" reading the history …", "muted"))
    if badges.firing:
        spans.append(Span(f" {badges.firing} alert{'s' if badges.firing > 1 else ''}", "status-critical"))
    counts = {level: sum(view.health.level == level for view in fleet.canisters) for level in LEVELS}
    spans += [Span(f" {counts[level]} {LEVEL_WORDS[level]}", health_role(level)) for level in LEVELS if counts[level]]
    spans.append(Span(f" · {_freshness(fleet, now_ns)} · {zone_name(now_ns)}", "muted"))
    return tuple(spans)


def _badge_spans(badges: Badges) -> list[Span]:
    role = "production" if badges.production else network_role(badges.network)
    name = escape(badges.network)
    shown = name if len(name) <= LONGEST_NETWORK else cut_off(name, LONGEST_NETWORK - 1) + "…"
    marks = (
        (badges.production, "PRODUCTION", "production"),
        (badges.lockdown, "LOCKDOWN", "status-critical"),
        (badges.read_only, "READ-ONLY", "status-warning"),
        (badges.paused, "PAUSED", "status-warning"),
    )
    return [
        Span(f" {shown} ", f"{BADGE}{role}"),
        *(Span(f" {word} ", f"{BADGE}{colour}") for holds, word, colour in marks if holds),
    ]


def network_role(name: str) -> str:
    """The role whose colour a network has, always the same for the same name."""
    return NETWORK_ROLES[zlib.crc32(name.encode()) % len(NETWORK_ROLES)]


def _second_line(fleet: FleetStatus | None, now_ns: int) -> Line:
    if fleet is None:
        return ()
    spans: list[Span] = []
    if is_cut_off(fleet):
        spans.append(Span(f" NO ANSWER from the network: {_silence(fleet, now_ns)}", "status-critical"))
        if fleet.next_round_ns is not None:
            spans.append(Span(f"; next try at {clock_text(fleet.next_round_ns)}, p tries now", "status-critical"))
    if fleet.notice:
        spans.append(Span(f"{' ·' if spans else ''} {escape(fleet.notice, limit=500)}", "status-warning"))
    return tuple(spans)


def is_cut_off(fleet: FleetStatus) -> bool:
    """Whether no canister of the fleet answered when it was last asked."""
    tried = [view for view in fleet.canisters if view.attempted_at_ns is not None]
    return bool(tried) and not any(view.answering for view in tried)


def _silence(fleet: FleetStatus, now_ns: int) -> str:
    sampled = [view.sampled_at_ns for view in fleet.canisters if view.sampled_at_ns is not None]
    if not sampled:
        return "it never answered yet"
    seconds = age_seconds(max(sampled), now_ns)
    # in steps, so that the line stands still between them
    return f"what is shown is {format_duration(seconds - seconds % 60)} old" if seconds >= 60 else "since a moment"


def _freshness(fleet: FleetStatus, now_ns: int) -> str:
    sampled = [view.sampled_at_ns for view in fleet.canisters if view.sampled_at_ns is not None]
    if not sampled:
        return "no sample yet"
    # in whole intervals, so that the line stands still while nothing is late
    late = int(age_seconds(max(sampled), now_ns) // fleet.interval_seconds)
    if late == 0:
        return f"polled every {format_duration(fleet.interval_seconds)}"
    return f"last answer {format_duration(late * fleet.interval_seconds)} ago or more"
