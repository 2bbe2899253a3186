"""What happened to canisters, one letter per column below a chart, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.table import cycles_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quri_console.monitor.series import HistoryEvent
    from quri_console.render.cycles_window import Window


@dataclass(frozen=True, slots=True)
class Sign:
    """How one kind of event is drawn."""

    letter: str
    words: str
    role: str


SIGNS: Mapping[str, Sign] = {
    "deleted": Sign("X", "deleted", "status-critical"),
    "emptied": Sign("E", "emptied", "status-critical"),
    "module-changed": Sign("M", "module changed", "delta-changed"),
    "controllers-changed": Sign("C", "controllers changed", "delta-changed"),
    "settings-changed": Sign("S", "settings changed", "delta-changed"),
    "status-changed": Sign("R", "status changed", "delta-changed"),
    "appeared": Sign("A", "appeared", "delta-up"),
    "topped-up": Sign("+", "topped up", "delta-up"),
}
"""The most important first: of several events in one column that one is drawn."""
_RANK = {kind: rank for rank, kind in enumerate(SIGNS)}
_OTHER = Sign("?", "changed", "delta-changed")


def event_row(events: Iterable[HistoryEvent], window: Window) -> Line:
    """One cell per column."""
    cells: dict[int, HistoryEvent] = {}
    for event in events:
        column = window.column(event.at_ns)
        if column not in cells or _rank(event) < _rank(cells[column]):
            cells[column] = event
    spans, used = [], 0
    for column in sorted(cells):
        if 0 <= column < window.columns:
            sign = SIGNS.get(cells[column].kind, _OTHER)
            spans.append(Span(" " * (column - used) + sign.letter, sign.role))
            used = column + 1
    return tuple(spans)


def event_words(event: HistoryEvent) -> str:
    """What happened: `topped up by ≈ 1 T`, `module changed 0a1b2c3d4e5f → 6a7b8c9d0e1f`."""
    words = SIGNS.get(event.kind, _OTHER).words
    if event.cycles:
        return f"{words} by ≈ {cycles_text(event.cycles)}"
    if event.kind in ("module-changed", "status-changed"):
        return f"{words} {_short(event.before)} → {_short(event.after)}"
    return words


def _short(text: str) -> str:
    return escape(text, limit=12) if text else "none"


def signs_of(events: Iterable[HistoryEvent]) -> tuple[Sign, ...]:
    """The signs that stand below a chart, the most important first."""
    kinds = {event.kind for event in events}
    return tuple(sign for kind, sign in SIGNS.items() if kind in kinds)


def _rank(event: HistoryEvent) -> int:
    return _RANK.get(event.kind, len(_RANK))
