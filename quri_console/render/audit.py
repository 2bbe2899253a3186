"""The audit log as a table and as what a check of it found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import datetime_text
from quri_console.units import format_cycles

if TYPE_CHECKING:
    from quri_console.effects.audit_check import AuditCheck

HEADINGS = ("SEQ", "TIME", "BY", "WHAT", "ABOUT")
LONGEST_CELL, LONGEST_TEXT = 200, 4000
"""Characters; `--json` has all of it."""
_ROLES = {"refused": "status-warning", "lockdown on": "status-warning"}


def audit_lines(events: Iterable[Mapping[str, Any]]) -> tuple[Line, ...]:
    """A row for each event, in their order, and under it what it is about where there is more to say."""
    found = list(events)
    rows = [_row(event) for event in found]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines: list[Line] = [(Span(_aligned(HEADINGS, widths), "heading"),)]
    for event, row in zip(found, rows, strict=True):
        lines.append((Span(_aligned(row, widths), _role(event)),))
        lines += [(Span(f"  {text}", "muted"),) for text in _more(event)]
    return tuple(lines)


def _row(event: Mapping[str, Any]) -> tuple[str, ...]:
    time = _time(str(event.get("ts", "")))
    what = " ".join(filter(None, (str(event.get("action", "")), str(_parameters(event).get("effect", "")))))
    about = " ".join(filter(None, (str(event.get("kind", "")), str(event.get("target", "")))))
    cells = (event.get("seq", "?"), time, _by(event), what, about)
    return tuple(escape(str(cell), limit=LONGEST_CELL) for cell in cells)


def _time(written: str) -> str:
    """When it was; what is no moment, as it was written."""
    try:
        return datetime_text(datetime.fromisoformat(written))
    except (ValueError, OverflowError):
        return written


def _by(event: Mapping[str, Any]) -> str:
    actor = event.get("actor")
    return f"{actor.get('user', '?')}@{actor.get('host', '?')}" if isinstance(actor, Mapping) else "?"


def _parameters(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found = event.get("parameters")
    return found if isinstance(found, Mapping) else {}


def _role(event: Mapping[str, Any]) -> str:
    result = str(event.get("result", ""))
    failed = event.get("action") == "ended" and not result.startswith("ok")
    return "status-critical" if failed else _ROLES.get(str(event.get("action")), "")


def _more(event: Mapping[str, Any]) -> list[str]:
    """The rest of an event that people ask for; `--json` has everything."""
    cycles = event.get("cycles")
    texts = [
        ("operation", event.get("operation")),
        ("reason", event.get("reason")),
        ("result", event.get("result")),
        ("plan", str(event.get("plan_hash", ""))[:16]),
        ("cycles", _cycles_words(cycles) if cycles else None),
        ("cut off before it", f"{event['torn_bytes']} bytes of a torn line" if "torn_bytes" in event else None),
    ]
    return [f"{name}: {escape(str(text), limit=LONGEST_TEXT)}" for name, text in texts if text]


def _cycles_words(cycles: object) -> str:
    """The balance before and after, as far as both are numbers; of anything else what was written."""
    if isinstance(cycles, Mapping) and set(cycles) <= {"before", "after"} and all(map(_is_number, cycles.values())):
        return ", ".join(f"{format_cycles(int(cycles[name]))} {name}" for name in ("before", "after") if name in cycles)
    return json.dumps(cycles, sort_keys=True)


def _is_number(value: object) -> bool:
    return str(value).isascii() and str(value).isdigit() and len(str(value)) < 40


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def audit_check_lines(check: AuditCheck) -> tuple[Line, ...]:
    """What reading the whole log found."""
    many = "event" if check.events == 1 else "events"
    if check.fault is not None:
        return (
            (Span("The audit log is not what was written.", "status-critical"),),
            (Span(f"  First fault: {escape(check.fault.words)}"),),
            (Span(f"  Whole until event {check.events}."),),
        )
    lines: list[Line] = [
        (Span(f"The audit log is whole: {check.events} {many} in {check.segments} file(s).", "status-ok"),),
        (Span(f"  Newest: event {check.head.seq}, hash {check.head.hash}", "muted"),),
        (Span("  Keep this hash elsewhere to show later that nothing before it was changed.", "muted"),),
    ]
    if check.torn_bytes:
        text = f"  The last line is torn ({check.torn_bytes} bytes): its writer died; the next event cuts it off."
        lines.append((Span(text, "status-warning"),))
    if check.torn_before:
        lines.append((Span(f"  {check.torn_before} torn line(s) were cut off before, and noted.", "muted"),))
    return tuple(lines)
