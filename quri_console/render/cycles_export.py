"""What the Cycles view shows, for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from quri_console.clock import utc_datetime
from quri_console.render.burn import burn_document
from quri_console.render.cycles_events import event_words
from quri_console.render.cycles_plot import CyclesPlot, column_balances, column_burns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.fleet import CanisterView

CSV_COLUMNS = (
    "canister",
    "canister_id",
    "kind",
    "from",
    "until",
    "cycles",
    "lowest",
    "highest",
    "burn_per_day",
    "events",
)


FORMATS = ("csv", "json")


def export_text(
    kind: str, picture: CyclesPlot, views: Mapping[str, CanisterView], burns: Mapping[str, CanisterBurn]
) -> str:
    """What is shown in one of FORMATS."""
    return chart_csv(picture) if kind == "csv" else json.dumps(chart_document(picture, views, burns), indent=2) + "\n"


def export_name(picture: CyclesPlot, now_ns: int) -> str:
    """A file name that tells whose chart it is, and of when."""
    several = f"-and-{len(picture.charts) - 1}-more" if len(picture.charts) > 1 else ""
    return f"cycles-{picture.charts[0].canister_id}{several}-{utc_datetime(now_ns):%Y%m%dT%H%M%SZ}.csv"


def chart_csv(picture: CyclesPlot) -> str:
    """One line per canister and column: `seen` ones, and `expected` ones of the future. Times in UTC, whole cycles."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in _rows(picture):
        writer.writerow([_text(row.get(column)) for column in CSV_COLUMNS])
    return stream.getvalue()


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    # a cell that a spreadsheet would take for a formula is written as text
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not isinstance(value, int) else text


def chart_document(
    picture: CyclesPlot, views: Mapping[str, CanisterView], burns: Mapping[str, CanisterBurn]
) -> dict[str, Any]:
    """The chart with its limits, and all that is known of the burn of its canisters."""
    shown = [chart.canister_id for chart in picture.charts]
    return {
        "since": _moment(picture.window.since_ns),
        "until": _moment(picture.window.until_ns),
        "column_seconds": picture.window.column_ns / 1e9,
        "canisters": [
            {
                "canister": chart.name,
                "canister_id": chart.canister_id,
                "warning_cycles": chart.warning_cycles,
                "critical_cycles": chart.critical_cycles,
                "freezing_limit": view.freezing_limit if (view := views.get(chart.canister_id)) else None,
                "events": [
                    {
                        "at": _moment(event.at_ns),
                        "kind": event.kind,
                        "before": event.before,
                        "after": event.after,
                        "cycles": event.cycles,
                    }
                    for event in chart.events
                ],
            }
            for chart in picture.charts
        ],
        "columns": list(_rows(picture)),
        "burn": burn_document(burns[canister] for canister in shown if canister in burns),
    }


def _rows(picture: CyclesPlot) -> Iterator[dict[str, Any]]:
    window = picture.window
    for chart in picture.charts:
        balances, burns = column_balances(chart, window), column_burns(chart, window)
        ahead = picture.ahead.get(chart.canister_id)
        for column in range(window.columns):
            at = {
                "canister": chart.name,
                "canister_id": chart.canister_id,
                "from": _moment(window.start_ns(column)),
                "until": _moment(window.start_ns(column + 1)),
            }
            if column >= window.past:
                if ahead is not None:
                    at_ns = window.start_ns(column) + window.column_ns // 2
                    low, high = ahead.band(at_ns) or (None, None)
                    cycles = ahead.balance(ahead.expected, at_ns)
                    yield {**at, "kind": "expected", "cycles": cycles, "lowest": low, "highest": high}
                continue
            balance, burn = balances.get(column), burns[column]
            events = [event_words(e) for e in chart.events if window.column(e.at_ns) == column]
            if balance is None and burn is None and not events:
                continue
            yield {
                **at,
                "kind": "seen",
                "cycles": balance.cycles if balance else None,
                "lowest": balance.lowest if balance else None,
                "highest": balance.highest if balance else None,
                "burn_per_day": None if burn is None else round(burn),
                "events": "; ".join(events),
            }


def _moment(at_ns: int) -> str:
    return utc_datetime(at_ns).isoformat()
