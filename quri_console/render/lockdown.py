"""Lockdown in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span

if TYPE_CHECKING:
    from quri_console.effects.lockdown import Lockdown


def lockdown_lines(lockdown: Lockdown | None) -> tuple[Line, ...]:
    """Whether it is on, why, since when and by whom."""
    if lockdown is None:
        return ((Span("Lockdown is off.", "status-ok"),),)
    lines: list[Line] = [(Span("Lockdown is ON: no schedule runs, and no effect leads further.", "status-critical"),)]
    facts = [
        ("reason", escape(lockdown.reason)),
        ("since", utc_text(lockdown.since_ns) if lockdown.since_ns else ""),
        ("by", escape(lockdown.by)),
    ]
    lines += [(Span(f"  {name:<7} {text}"),) for name, text in facts if text]
    lines.append((Span("  Canisters that an operation had stopped are still brought back.", "muted"),))
    return tuple(lines)
