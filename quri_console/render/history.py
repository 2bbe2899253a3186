"""A canister's history as rows, CSV, JSON values and a chart; plotext is loaded for a chart only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from quri_console.clock import utc_datetime
from quri_console.monitor.series import CanisterHistory, HistoryPoint
from quri_console.render.escape import escape
from quri_console.units import DAY_SECONDS, TRILLION, format_bytes, format_cycles

COLUMNS = ("at", "cycles", "lowest", "highest", "burn/day", "top-ups", "memory", "note")
CSV_COLUMNS = (
    "at",
    "cycles",
    "lowest",
    "highest",
    "burnt",
    "burn_seconds",
    "top_up_cycles",
    "memory_bytes",
    "samples",
    "status",
    "origin",
    "error",
)
_DASH = "–"


def burn_per_day(point: HistoryPoint) -> float | None:
    """Cycles per day within a point; None where nothing was burnt over any known time."""
    if point.burnt is None or not point.burn_seconds:
        return None
    return point.burnt * DAY_SECONDS / point.burn_seconds


def history_rows(history: CanisterHistory) -> Iterator[tuple[str, ...]]:
    """One row per point under COLUMNS, oldest first."""
    for point in history.points:
        burn = burn_per_day(point)
        yield (
            f"{utc_datetime(point.at_ns):%Y-%m-%d %H:%M}Z",
            _cycles(point.cycles),
            _cycles(point.lowest),
            _cycles(point.highest),
            _DASH if burn is None else format_cycles(round(burn)),
            format_cycles(point.top_up_cycles) if point.top_up_cycles else "",
            _DASH if point.memory_bytes is None else format_bytes(point.memory_bytes),
            escape(point.error or ("" if point.status in ("", "running") else point.status)),
        )


def history_events(history: CanisterHistory) -> Iterator[str]:
    """One sentence per event, oldest first."""
    for event in history.events:
        change = f": {event.before or 'none'} → {event.after or 'none'}" if event.before or event.after else ""
        size = f" of {format_cycles(event.cycles)}" if event.cycles else ""
        yield f"{utc_datetime(event.at_ns):%Y-%m-%d %H:%M}Z {escape(event.kind)}{size}{escape(change)}"


def history_csv(history: CanisterHistory) -> str:
    """A header and one line per point; times in UTC, cycles as whole numbers, nothing where nothing is known."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for point in history.points:
        values = _values(point)
        # a cell that a spreadsheet would take for a formula is written as text
        texts = ["" if value is None else str(value) for value in (values[column] for column in CSV_COLUMNS)]
        writer.writerow([f"'{text}" if text[:1] in ("=", "+", "@", "\t", "\r") else text for text in texts])
    return stream.getvalue()


def history_document(history: CanisterHistory) -> dict[str, Any]:
    """The history for programs; cycles and bytes as whole numbers."""
    return {
        "canister": history.name,
        "canister_id": history.canister_id,
        "network": history.network,
        "resolution": history.resolution,
        "since": utc_datetime(history.since_ns).isoformat(),
        "points": [_values(point) for point in history.points],
        "events": [
            {
                "at": utc_datetime(event.at_ns).isoformat(),
                "kind": event.kind,
                "before": event.before,
                "after": event.after,
                "cycles": event.cycles,
            }
            for event in history.events
        ],
    }


def history_chart(history: CanisterHistory, width: int, height: int) -> str:
    """The balance over time in T cycles as lines of text without colour; empty when less than two are known."""
    known = [(point.at_ns, point.cycles) for point in history.points if point.cycles is not None]
    if len(known) < 2:
        return ""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.title(f"{escape(history.name)}: T cycles, UTC")
    seconds = [at_ns / 1e9 for at_ns, _ in known]
    plotext.plot(seconds, [cycles / TRILLION for _, cycles in known], marker="braille")
    ticks = [seconds[0] + (seconds[-1] - seconds[0]) * part / 4 for part in range(5)]
    form = "%m-%d %H:%M" if seconds[-1] - seconds[0] < 14 * DAY_SECONDS else "%Y-%m-%d"
    plotext.xticks(ticks, [f"{utc_datetime(round(tick * 1e9)):{form}}" for tick in ticks])
    text: str = plotext.uncolorize(plotext.build())
    return text


def _values(point: HistoryPoint) -> dict[str, Any]:
    return {
        "at": utc_datetime(point.at_ns).isoformat(),
        **{name: getattr(point, name) for name in CSV_COLUMNS if name != "at"},
    }


def _cycles(amount: int | None) -> str:
    return _DASH if amount is None else format_cycles(amount)
