"""Charts and burns to draw, for tests of the Cycles view."""

from __future__ import annotations

from dataclasses import replace

from quri_console.monitor.burn import BurnEstimate, Runway
from quri_console.monitor.burn_causes import BurnByCause
from quri_console.monitor.burn_report import CanisterBurn
from quri_console.monitor.chart_data import Balance, Burnt, CyclesChart
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.monitor.forecast import Forecast, NoForecast
from quri_console.monitor.payers import PayerView
from quri_console.monitor.series import HistoryEvent
from quri_console.render.cycles_plot import (
    CyclesPlot,
    plot_of,
)
from quri_console.render.cycles_window import Window, window_of
from tests.support.fleets import HEALTHY, NOW_NS, REGISTRY, RUNE, SECOND

DAY = 86_400 * SECOND
BILLION, TRILLION = 10**9, 10**12
HOSTILE = "\x1b[31m[bold]evil[/]\u202e"


def forecast(low: float, high: float | None, *, widened: bool = False) -> Forecast:
    return Forecast(low * 86_400, high * 86_400 if high is not None else None, 0.8, 30, 24, 86_400, widened)


def burn_of(found: Forecast | NoForecast, *, anomaly: str = "", causes: BurnByCause | None = None) -> CanisterBurn:
    estimate = BurnEstimate(12e9, 14e9, False, 14 * 86_400.0)
    return CanisterBurn(
        "rune-engine",
        RUNE,
        HEALTHY.cycles,
        HEALTHY.freezing_limit,
        7 * BILLION,
        estimate,
        Runway(90 * 86_400.0, 95 * 86_400.0),
        found,
        (),
        anomaly,
        causes,
    )


BURN = burn_of(forecast(80, 100))


def chart_of(
    window: Window, *, name: str = "rune-engine", canister: str = RUNE, top: int = 5 * TRILLION
) -> CyclesChart:
    """A balance in every column that falls by a thousandth each, and two events."""
    balances = tuple(
        Balance(window.start_ns(column), top - column * (top // 1000), top - column * (top // 1000), top)
        for column in range(window.past)
    )
    slot = 3600 if window.column_ns * window.past <= 8 * DAY else 86_400
    first = window.since_ns - window.since_ns % (slot * SECOND)
    burnt = tuple(Burnt(at_ns, 10**9, float(slot)) for at_ns in range(first, window.until_ns, slot * SECOND))
    events = (
        HistoryEvent(window.start_ns(3), "topped-up", "", "", TRILLION),
        HistoryEvent(window.start_ns(3), "module-changed", "0a" * 32, HOSTILE, None),
        HistoryEvent(window.start_ns(9), "status-changed", "running", "stopped", None),
    )
    return CyclesChart(
        name,
        canister,
        window.since_ns,
        window.until_ns,
        3 * window.column_ns,
        balances,
        slot,
        burnt,
        events,
        TRILLION,
        100 * BILLION,
    )


def fleet_of(*views: CanisterView, payers: tuple[PayerView, ...] = ()) -> FleetStatus:
    return FleetStatus("local", False, NOW_NS, 60.0, views, payers=payers)


FLEET = fleet_of(HEALTHY, replace(HEALTHY, name="registry", canister_id=REGISTRY))


def picture_of(window: Window, *charts: CyclesChart, ascii_only: bool = False) -> CyclesPlot:
    return plot_of(charts, window, FLEET, {RUNE: BURN}, from_zero=True, ascii_only=ascii_only)


def day_window(columns: int = 60) -> Window:
    return window_of(86_400, columns, NOW_NS, with_future=True)
