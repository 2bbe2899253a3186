"""Burn and runway as rows, sentences and JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quri_console.clock import utc_datetime
from quri_console.monitor.forecast import Forecast
from quri_console.render.escape import escape
from quri_console.render.zone import minute_text
from quri_console.units import format_cycles, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quri_console.monitor.burn_report import CanisterBurn

HEADINGS = ("canister", "cycles", "idle/day", "expected/day", "alert/day", "to freeze", "to empty")
_DASH = "–"


def burn_rows(burns: Iterable[CanisterBurn]) -> Iterator[tuple[str, ...]]:
    """One row per canister under HEADINGS; estimates carry ≈."""
    for burn in burns:
        estimate = burn.estimate
        yield (
            escape(burn.name),
            _cycles(burn.cycles),
            _cycles(burn.idle_burn_per_day),
            _DASH if estimate is None else f"≈ {format_cycles(round(estimate.expected_per_day))}",
            _DASH if estimate is None else f"≈ {format_cycles(round(estimate.alert_per_day))}",
            _seconds(burn.runway.to_freeze_seconds),
            _seconds(burn.runway.to_empty_seconds),
        )


def burn_sentences(burn: CanisterBurn) -> Iterator[str]:
    """What the row cannot say: how sure it is, what is unusual, and the top-ups that were seen."""
    if burn.estimate is not None and burn.estimate.idle_only:
        yield "idle burn only: nothing was observed yet"
    elif burn.estimate is not None:
        yield f"observed over {format_duration(burn.estimate.observed_seconds)} of the last 14 days"
    found = burn.forecast
    if isinstance(found, Forecast):
        high = "no end in sight" if found.high_seconds is None else format_duration(found.high_seconds)
        widened = ", widened because something changed" if found.widened else ""
        yield (
            f"to the freezing limit {format_duration(found.low_seconds)} to {high} ({found.nominal:.0%} interval; "
            f"of the last {found.backtests} forecasts {found.inside} fell inside{widened})"
        )
    else:
        yield found.reason
    if burn.causes is not None:
        yield f"burnt for {burn.causes.text}"
    if burn.anomaly:
        yield f"unusual: {escape(burn.anomaly)}"
    for top_up in burn.top_ups:
        yield f"topped up by ≈ {format_cycles(top_up.cycles)} before {minute_text(top_up.at_ns)}"


def burn_document(burns: Iterable[CanisterBurn]) -> list[dict[str, Any]]:
    """The burn for programs; cycles as whole numbers, durations in seconds."""
    return [_document(burn) for burn in burns]


def _document(burn: CanisterBurn) -> dict[str, Any]:
    estimate, found = burn.estimate, burn.forecast
    return {
        "canister": burn.name,
        "canister_id": burn.canister_id,
        "cycles": burn.cycles,
        "freezing_limit": burn.freezing_limit,
        "idle_burn_per_day": burn.idle_burn_per_day,
        "expected_burn_per_day": round(estimate.expected_per_day) if estimate else None,
        "alert_burn_per_day": round(estimate.alert_per_day) if estimate else None,
        "idle_only": estimate.idle_only if estimate else None,
        "observed_seconds": estimate.observed_seconds if estimate else None,
        "seconds_to_freeze": burn.runway.to_freeze_seconds,
        "seconds_to_empty": burn.runway.to_empty_seconds,
        "forecast": {
            "low_seconds": found.low_seconds,
            "high_seconds": found.high_seconds,
            "nominal": found.nominal,
            "backtests": found.backtests,
            "inside": found.inside,
            "widened": found.widened,
        }
        if isinstance(found, Forecast)
        else None,
        "no_forecast": None if isinstance(found, Forecast) else found.reason,
        "causes": None if burn.causes is None else {c.cause: round(c.per_day) for c in burn.causes.causes},
        "anomaly": burn.anomaly,
        "top_ups": [{"before": utc_datetime(t.at_ns).isoformat(), "cycles": t.cycles} for t in burn.top_ups],
    }


def _cycles(amount: int | None) -> str:
    return _DASH if amount is None else format_cycles(amount)


def _seconds(seconds: float | None) -> str:
    return _DASH if seconds is None else f"≈ {format_duration(seconds)}"
