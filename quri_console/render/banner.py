"""The lines above every view: which network this is, its badges, how the fleet is and how fresh the picture."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span, plain, wrap_lines
from quri_console.render.table import health_role
from quri_console.render.width import cell_width, cut_off
from quri_console.render.zone import clock_text, zone_name
from quri_console.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quri_console.monitor.fleet import FleetStatus
    from quri_console.monitor.rules import HealthLevel

LEVELS: tuple[HealthLevel, ...] = ("critical", "warning", "unknown", "ok")
LEVEL_WORDS = {"critical": "critical", "warning": "warning", "unknown": "unknown", "ok": "healthy"}
SHORT_LEVEL_WORDS = {"critical": "crit", "warning": "warn", "unknown": "unkn", "ok": "ok"}
BADGE = "badge-"
"""Begins the roles of badges, which are drawn reversed; what follows is the role whose colour they have."""
NETWORK_ROLES = ("primary", "secondary", "accent", "spark", "delta-up")
"""What tells one network that is not production from another."""
LONGEST_NETWORK = 17
TITLE_WIDTH = 100
"""From here on there is room for the program's name."""
NETWORK_WIDTH = 80
"""From here on there is room to say who does not answer."""
NOTICE_LINES = 2
"""How much of the screen a notice may take."""


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
    """One line, and more where something has to be said that the first has no room for; each fits `width`."""
    return (
        _first_line(fleet, now_ns, badges, width),
        *(_more_lines(fleet, now_ns, width) if fleet is not None else ()),
    )


def _first_line(fleet: FleetStatus | None, now_ns: int, badges: Badges, width: int) -> Line:
    spans = [Span(" quri-console ", "muted")] if width >= TITLE_WIDTH else []
    spans += _badge_spans(badges)
    if fleet is None:
        return (*spans, Span(" reading the history …", "muted"))
    if badges.firing:
        spans.append(Span(f" {badges.firing} alert{'s' if badges.firing > 1 else ''}", "status-critical"))
    fitting = [(*spans, *tail) for tail in _tails(fleet, now_ns)]
    return next((line for line in fitting if cell_width(plain(line)) <= width), fitting[-1])


def _tails(fleet: FleetStatus, now_ns: int) -> Iterator[tuple[Span, ...]]:
    """How the fleet is and how fresh the picture, in fewer and fewer cells; the zone of the clock goes last."""
    counts = Counter(view.health.level for view in fleet.canisters)
    usual, short = (
        [Span(f" {counts[level]} {words[level]}", health_role(level)) for level in LEVELS if counts[level]]
        for words in (LEVEL_WORDS, SHORT_LEVEL_WORDS)
    )
    zone, late = zone_name(now_ns), _late_seconds(fleet, now_ns)
    for levels in (usual, short):
        yield (*levels, Span(f" · {_freshness(fleet, late)} · {zone}", "muted"))
        # that it is polled in time need not be said
        yield (*levels, Span(f" · {f'{format_duration(late)} ago · ' if late else ''}{zone}", "muted"))
    yield (*short,)


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


def _more_lines(fleet: FleetStatus, now_ns: int, width: int) -> Iterator[Line]:
    if is_cut_off(fleet):
        yield (Span(_no_answer(fleet, now_ns, width), "status-critical"),)
    if fleet.notice:
        told = escape(fleet.notice, limit=500)
        *lines, last = (plain(line) for line in wrap_lines([(Span(f" {told}"),)], width - 1)[: NOTICE_LINES + 1])
        if len(lines) == NOTICE_LINES:
            *lines, last = *lines[:-1], f"{lines[-1]}…"
        yield from ((Span(line, "status-warning"),) for line in (*lines, last))


def _no_answer(fleet: FleetStatus, now_ns: int, width: int) -> str:
    """Since when, when it is tried again, and the key that tries at once, whatever the width."""
    from_whom, at = (" from the network", "at ") if width >= NETWORK_WIDTH else ("", "")
    parts = [f" NO ANSWER{from_whom} {_silence(fleet, now_ns)}"]
    if fleet.next_round_ns is not None:
        parts.append(f"next try {at}{clock_text(fleet.next_round_ns)}")
    return " · ".join((*parts, "p tries now"))


def is_cut_off(fleet: FleetStatus) -> bool:
    """Whether no canister of the fleet answered when it was last asked."""
    tried = [view for view in fleet.canisters if view.attempted_at_ns is not None]
    return bool(tried) and not any(view.answering for view in tried)


def _newest_ns(fleet: FleetStatus) -> int | None:
    return max((view.sampled_at_ns for view in fleet.canisters if view.sampled_at_ns is not None), default=None)


def _silence(fleet: FleetStatus, now_ns: int) -> str:
    newest_ns = _newest_ns(fleet)
    if newest_ns is None:
        return "yet"
    seconds = age_seconds(newest_ns, now_ns)
    # in steps, so that the line stands still between them
    return f"for {format_duration(seconds - seconds % 60)}" if seconds >= 60 else "for a moment"


def _late_seconds(fleet: FleetStatus, now_ns: int) -> float:
    """How long ago the newest answer came, in whole intervals: the line stands still while nothing is late."""
    newest_ns = _newest_ns(fleet)
    if newest_ns is None:
        return 0.0
    return age_seconds(newest_ns, now_ns) // fleet.interval_seconds * fleet.interval_seconds


def _freshness(fleet: FleetStatus, late_seconds: float) -> str:
    if late_seconds:
        return f"last answer {format_duration(late_seconds)} ago or more"
    polled = any(view.sampled_at_ns is not None for view in fleet.canisters)
    return f"polled every {format_duration(fleet.interval_seconds)}" if polled else "no sample yet"
